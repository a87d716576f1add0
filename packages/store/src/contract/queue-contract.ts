import type { Migration } from "@drover/model";
import { describe, expect, it } from "vitest";
import type { SlotLimits } from "../migration-store.ts";
import type { ContractContext } from "./migration-contract.ts";
import { hostFacts, log, newMigration } from "./samples.ts";

const LEASE_MS = 10_000;

/** What every driver promises about the order in which slots are given, and about what an operator sets for a host. */
export function queueContract(context: () => ContractContext): void {
  const wait = async (priority: number, sourceHost = "east"): Promise<Migration> => {
    context().clock.advance(1);
    return await context().store.migrations.create(newMigration({ priority, sourceHost }), log);
  };
  const lease = () => context().store.migrations.acquireLeases("a", LEASE_MS, 100);
  const take = ({ uuid, state, generation }: Migration, limits: SlotLimits) =>
    context().store.migrations.takeSourceSlot(uuid, { state, generation }, limits, {}, log);
  const one: SlotLimits = { maxOutgoing: 1, maxFleet: 100 };

  describe("the queue", () => {
    it("is in the order of priority, then of age, and so are leases given", async () => {
      const [low, old, young, high] = [await wait(-1), await wait(0), await wait(0), await wait(5)];
      const { migrations } = context().store;
      const order = [high, old, young, low];
      expect(await migrations.queue()).toEqual(
        order.map(({ uuid, sourceHost, priority }) => ({ uuid, sourceHost, priority })),
      );
      const first = await migrations.acquireLeases("a", LEASE_MS, 2);
      expect(new Set(first.map(({ uuid }) => uuid))).toEqual(new Set([high.uuid, old.uuid]));
      await migrations.update(low.uuid, low, { state: "running" });
      const [underWay] = await migrations.acquireLeases("b", LEASE_MS, 1);
      expect(underWay?.uuid).toBe(low.uuid);
      expect((await migrations.get(high.uuid))?.priority).toBe(5);
    });

    it("keeps a source's last slot for the one whose turn it is", async () => {
      const [low, high] = [await wait(0), await wait(5)];
      await lease();
      expect(await take(low, one)).toEqual({ kind: "not-its-turn", limit: "source", next: high.uuid });
      expect(await take(high, one)).toMatchObject({ kind: "taken", moreFree: false });
      expect(await take(low, one)).toEqual({ kind: "full", limit: "source", max: 1 });
      const two = { ...one, maxOutgoing: 2 };
      expect(await take(low, two)).toMatchObject({ kind: "taken" });
    });

    it("gives as many at once as there are slots, whoever asks first", async () => {
      const [third, second, first] = [await wait(0), await wait(1), await wait(2)];
      await lease();
      const two = { ...one, maxOutgoing: 2 };
      expect(await take(third, two)).toEqual({ kind: "not-its-turn", limit: "source", next: first.uuid });
      expect(await take(second, two)).toMatchObject({ kind: "taken", moreFree: true });
      expect(await take(first, two)).toMatchObject({ kind: "taken", moreFree: false });
    });

    it("waits for nobody that nobody works on, or that waits for a destination", async () => {
      const [low, high] = [await wait(0), await wait(5)];
      expect(await take(low, one)).toMatchObject({ kind: "taken" });
      await context().store.migrations.acquireLeases("a", LEASE_MS, 100);
      const { migrations } = context().store;
      await migrations.update(high.uuid, high, { waitsFor: "destination" });
      const other = await wait(1);
      await lease();
      expect(await take(other, { ...one, maxOutgoing: 2 })).toMatchObject({ kind: "taken" });
      const back = await migrations.get(high.uuid);
      expect(back).toMatchObject({ waitsFor: "destination" });
      if (back === undefined) return;
      const again = await take(back, { ...one, maxOutgoing: 3 });
      expect(again).toMatchObject({ kind: "taken", migration: { waitsFor: null } });
    });

    it("keeps the fleet's last slot for the first that could use it", async () => {
      const limits: SlotLimits = { maxOutgoing: 1, maxFleet: 2 };
      const [busy, first, second, third] = [
        await wait(9),
        await wait(8),
        await wait(0, "west"),
        await wait(5, "north"),
      ];
      await lease();
      expect(await take(busy, limits)).toMatchObject({ kind: "taken" });
      // `first` waits for east, which is full: the fleet's last slot is not kept for it, but for north's.
      expect(await take(second, limits)).toEqual({ kind: "not-its-turn", limit: "fleet", next: third.uuid });
      expect(await take(third, limits)).toMatchObject({ kind: "taken" });
      expect(await take(second, limits)).toEqual({ kind: "full", limit: "fleet", max: 2 });
      expect(await take(first, limits)).toEqual({ kind: "full", limit: "source", max: 1 });
    });
  });

  describe("a destination that is full", () => {
    const atWest = { memoryKiB: 1_000, maxIncoming: 1, maxOutgoing: 1 };
    /** As one that has looked at west and went back to the queue. */
    const waitAtWest = async (priority: number, sourceHost: string) => {
      const { uuid, ...version } = await wait(priority, sourceHost);
      const change = { waitsFor: "destination", waitsForHosts: ["north", "west"] } as const;
      return await context().store.migrations.update(uuid, version, change);
    };
    const preparing = ({ uuid, ...version }: Migration) =>
      context().store.migrations.update(uuid, version, { state: "preparing", waitsFor: null });
    const claim = ({ uuid }: Migration, limits = atWest) =>
      context().store.claims.claim({ migrationUuid: uuid, host: "west", memoryKiB: 1 }, limits);

    it("keeps its next slot for the first that waits for it, whoever comes", async () => {
      const [high, low] = [await waitAtWest(5, "east"), await preparing(await wait(0, "south"))];
      await lease();
      await expect(claim(low)).rejects.toMatchObject({
        code: "refused",
        details: { limit: "maxIncoming", next: high.uuid },
      });
      await claim(low, { ...atWest, maxIncoming: 2 });
      const current = await preparing(high);
      await expect(claim(current)).rejects.toMatchObject({ details: { claims: 1 } });
      await context().store.claims.release(low.uuid);
      await claim(current);
    });

    it("keeps none for one that it was given, that nobody works on, or that its source cannot send", async () => {
      const [high, low] = [await waitAtWest(5, "east"), await preparing(await wait(0, "south"))];
      await claim(low);
      await context().store.claims.release(low.uuid);
      await lease();
      await take(await wait(0, "east"), { maxOutgoing: 1, maxFleet: 100 });
      await claim(low);
      await context().store.claims.release(low.uuid);
      await expect(claim(low, { ...atWest, maxOutgoing: 2 })).rejects.toMatchObject({ details: { next: high.uuid } });
      await claim(await preparing(high), { ...atWest, maxIncoming: 2 });
      await claim(low, { ...atWest, maxIncoming: 2 });
    });

    it("has its order changed with a priority", async () => {
      const [first, second] = [await waitAtWest(5, "east"), await waitAtWest(0, "south")];
      await lease();
      const { migrations } = context().store;
      const raised = await migrations.update(second.uuid, second, { priority: 9 });
      expect((await migrations.queue()).map(({ uuid }) => uuid)).toEqual([second.uuid, first.uuid]);
      await expect(claim(await preparing(first))).rejects.toMatchObject({ details: { next: second.uuid } });
      await claim(await preparing(raised));
    });
  });

  describe("what an operator sets for a host", () => {
    it("stays over its reports, and what is not named stays as it is", async () => {
      const { hosts } = context().store;
      await hosts.report(hostFacts("east"), "0.1.0");
      expect(await hosts.set("nowhere", { enabled: false })).toBeUndefined();
      expect(await hosts.set("nowhere", {})).toBeUndefined();
      await hosts.set("east", { enabled: false, disabledReason: "new fan" });
      const set = await hosts.set("east", { maxOutgoingMigrations: 3, maxIncomingMigrations: 0 });
      const expected = {
        enabled: false,
        disabledReason: "new fan",
        maxOutgoingMigrations: 3,
        maxIncomingMigrations: 0,
      };
      expect(set).toMatchObject(expected);
      expect(await hosts.report(hostFacts("east"), "0.2.0")).toMatchObject(expected);
      expect(await hosts.set("east", {})).toMatchObject(expected);
      const cleared = { enabled: true, disabledReason: null, maxOutgoingMigrations: null, maxIncomingMigrations: null };
      expect(await hosts.set("east", cleared)).toMatchObject(cleared);
    });

    it("counts before the conductors' defaults", async () => {
      const { hosts, claims } = context().store;
      await hosts.report(hostFacts("east"), "0.1.0");
      await hosts.set("east", { maxOutgoingMigrations: 2, maxIncomingMigrations: 0 });
      const [first, second, third] = [await wait(0), await wait(0), await wait(0)];
      for (const migration of [first, second]) expect(await take(migration, one)).toMatchObject({ kind: "taken" });
      expect(await take(third, one)).toEqual({ kind: "full", limit: "source", max: 2 });
      const claim = { migrationUuid: first.uuid, host: "east", memoryKiB: 1 };
      await expect(claims.claim(claim, { memoryKiB: 100, maxIncoming: 4 })).rejects.toMatchObject({
        code: "refused",
        details: { limit: "maxIncoming", maxIncoming: 0 },
      });
    });
  });
}
