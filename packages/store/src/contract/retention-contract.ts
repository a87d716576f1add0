import type { Migration } from "@drover/model";
import { describe, expect, it } from "vitest";
import type { ContractContext } from "./migration-contract.ts";
import { log, newMigration, roomy, snapshotOf } from "./samples.ts";

/** What every driver promises about what is deleted after a time, and about who does it. */
export function retentionContract(context: () => ContractContext): void {
  const over = ({ uuid, ...version }: Migration) => {
    const change = { state: "completed", endedAt: context().clock.now() } as const;
    return context().store.migrations.update(uuid, version, change, log);
  };

  describe("pruning", () => {
    it("takes the oldest that are over with all that belongs to them, a batch at a time", async () => {
      const { store, clock } = context();
      const { migrations } = store;
      const first = await over(await migrations.create(newMigration(), log));
      await store.progress.flush([{ snapshot: snapshotOf(first.uuid, 1), ageMs: 0 }]);
      clock.advance(1_000);
      const second = await over(await migrations.create(newMigration(), log));
      clock.advance(1_000);
      const before = clock.now();
      const young = await over(await migrations.create(newMigration(), log));

      expect(await migrations.prune(before, 1)).toBe(1);
      expect(await migrations.get(first.uuid)).toBeUndefined();
      expect(await migrations.readLog(first.uuid)).toEqual([]);
      expect(await store.progress.read([first.uuid])).toEqual(new Map());
      expect(await migrations.get(second.uuid)).toEqual(second);
      expect(await migrations.prune(before, 10)).toBe(1);
      expect(await migrations.prune(before, 10)).toBe(0);
      expect((await migrations.list({})).map(({ uuid }) => uuid)).toEqual([young.uuid]);
    });

    it("leaves what is in progress, or waits for a person, however old", async () => {
      const { migrations } = context().store;
      const queued = await migrations.create(newMigration(), log);
      const created = await migrations.create(newMigration(), log);
      const taken = await migrations.takeSourceSlot(created.uuid, created, roomy, { step: "x" }, log);
      if (taken.kind !== "taken") throw new Error("no slot");
      const stuck = await migrations.update(created.uuid, taken.migration, { state: "error" }, log);
      context().clock.advance(1_000_000);
      expect(await migrations.prune(context().clock.now(), 10)).toBe(0);
      expect(await migrations.get(queued.uuid)).toEqual(queued);
      expect(await migrations.get(stuck.uuid)).toEqual(stuck);
    });

    it("tells those who follow the log from which line on it is whole", async () => {
      const { store, clock } = context();
      const { migrations } = store;
      const lasting = await migrations.create(newMigration(), log);
      const pruned = await over(await migrations.create(newMigration(), log));
      clock.advance(1);
      const before = clock.now();
      const kept = await over(await migrations.create(newMigration(), log));
      const lastOf = async ({ uuid }: Migration) => (await migrations.readLog(uuid)).at(-1)?.id ?? Number.NaN;
      const [lastPruned, newestId] = [await lastOf(pruned), await lastOf(kept)];
      expect(await migrations.logBounds()).toMatchObject({ oldestId: await lastOf(lasting) });
      expect(await migrations.prune(before, 10)).toBe(1);
      expect(await migrations.logBounds()).toEqual({ oldestId: lastPruned + 1, newestId });
      await over(lasting);
      clock.advance(1);
      expect(await migrations.prune(clock.now(), 10)).toBe(2);
      expect(await migrations.logBounds()).toEqual({ oldestId: newestId + 2, newestId: newestId + 1 });
    });

    it("gives no number a second time", async () => {
      const { store, clock } = context();
      const { id } = await over(await store.migrations.create(newMigration(), log));
      const [line] = await store.migrations.readLog((await store.migrations.getById(id))?.uuid ?? "");
      clock.advance(1);
      expect(await store.migrations.prune(clock.now(), 10)).toBe(1);
      const next = await store.migrations.create(newMigration(), log);
      expect(next.id).toBeGreaterThan(id);
      expect((await store.migrations.readLog(next.uuid))[0]?.id).toBeGreaterThan(line?.id ?? Number.NaN);
    });
  });

  describe("duties", () => {
    it("are one owner's until its time is over, or it gives them back", async () => {
      const { store, clock } = context();
      const { duties } = store;
      expect(await duties.take("prune", "a", 1_000)).toBe(true);
      expect(await duties.take("prune", "b", 1_000)).toBe(false);
      expect(await duties.take("other", "b", 1_000)).toBe(true);
      clock.advance(900);
      expect(await duties.take("prune", "a", 1_000)).toBe(true);
      clock.advance(900);
      expect(await duties.take("prune", "b", 1_000)).toBe(false);
      clock.advance(100);
      expect(await duties.take("prune", "b", 1_000)).toBe(true);
      await duties.giveBack("prune", "a");
      expect(await duties.take("prune", "a", 1_000)).toBe(false);
      await duties.giveBack("prune", "b");
      expect(await duties.take("prune", "a", 1_000)).toBe(true);
    });

    it("are given to one of those that ask at the same time", async () => {
      const { duties } = context().store;
      const taken = await Promise.all(["a", "b", "c", "d"].map((owner) => duties.take("prune", owner, 1_000)));
      expect(taken.filter((is) => is)).toHaveLength(1);
    });
  });
}
