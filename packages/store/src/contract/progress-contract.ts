import { progressPoint } from "@drover/model";
import { describe, expect, it } from "vitest";
import type { ContractContext } from "./migration-contract.ts";
import { log, newMigration, roomy, snapshotOf } from "./samples.ts";

/** What every driver promises about the numbers of copies. */
export function progressContract(context: () => ContractContext): void {
  describe("flushed progress", () => {
    it("keeps the newest of each migration, whatever order flushes come in, and how old it is", async () => {
      const { store, clock } = context();
      const { progress } = store;
      const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
      const aged = (uuid: string, sequence: number) => ({ snapshot: snapshotOf(uuid, sequence), ageMs: 400 });
      await progress.flush([aged(one, 2), aged(two, 7)]);
      clock.advance(1_000);
      await progress.flush([aged(one, 3), aged(one, 1), aged(two, 6)]);
      expect(await progress.read([one, two, crypto.randomUUID()])).toEqual(
        new Map([
          [one, { snapshot: snapshotOf(one, 3), ageMs: 400 }],
          [two, { snapshot: snapshotOf(two, 7), ageMs: 1_400 }],
        ]),
      );
      await progress.flush([]);
      expect(await progress.read([])).toEqual(new Map());
    });

    it("is asked for of the migrations that have left the queue and are not over, each with its source", async () => {
      const { migrations, progress } = context().store;
      const begun = async (sourceHost: string) => {
        const { uuid, ...version } = await migrations.create(newMigration({ sourceHost }), log);
        const taken = await migrations.takeSourceSlot(uuid, version, roomy, { step: "x" }, log);
        if (taken.kind !== "taken") throw new Error("no slot");
        return taken.migration;
      };
      await migrations.create(newMigration({ sourceHost: "queued" }), log);
      const copying = await begun("copying");
      const { uuid, ...version } = await begun("over");
      expect((await progress.underWay()).map(({ host }) => host).sort()).toEqual(["copying", "over"]);
      await migrations.update(uuid, version, { state: "completed", endedAt: context().clock.now() }, log);
      expect(await progress.underWay()).toEqual([{ migrationUuid: copying.uuid, host: "copying" }]);
    });
  });
  describe("archived histories of progress", () => {
    const pointOf = (sequence: number) => progressPoint(snapshotOf("any", sequence));
    /** One that is over; its copy had begun where that is said. */
    async function over(copied: boolean) {
      const { store, clock } = context();
      const { uuid, ...version } = await store.migrations.create(newMigration({ sourceHost: "east" }), log);
      const taken = await store.migrations.takeSourceSlot(uuid, version, roomy, { step: "x" }, log);
      if (taken.kind !== "taken") throw new Error("no slot");
      const end = { state: "completed", endedAt: clock.now(), ...(copied ? { startedAt: clock.now() } : {}) } as const;
      return await store.migrations.update(uuid, taken.migration, end, log);
    }

    it("are wanted of those whose copy had begun, once, and kept as they were first told", async () => {
      const { store, clock } = context();
      const since = clock.now();
      const [first, second] = [await over(true), await over(true)];
      await over(false);
      const { uuid: running, ...version } = await store.migrations.create(newMigration(), log);
      await store.migrations.takeSourceSlot(running, version, roomy, { step: "x", startedAt: since }, log);
      const wanted = await store.histories.missing(since, 10);
      expect(wanted.map(({ migrationUuid }) => migrationUuid).sort()).toEqual([first.uuid, second.uuid].sort());
      expect(wanted.map(({ host }) => host)).toEqual(["east", "east"]);
      expect(await store.histories.missing(since, 1)).toHaveLength(1);
      await store.histories.archive(new Map([[first.uuid, [pointOf(1), pointOf(2)]]]));
      await store.histories.archive(
        new Map([
          [first.uuid, []],
          [second.uuid, []],
        ]),
      );
      expect(await store.histories.missing(since, 10)).toEqual([]);
      expect(await store.histories.read(first.uuid)).toEqual([pointOf(1), pointOf(2)]);
      expect(await store.histories.read(second.uuid)).toEqual([]);
      expect(await store.histories.read(running)).toBeUndefined();
      clock.advance(1_000);
      await over(true);
      expect(await store.histories.missing(clock.now(), 10)).toHaveLength(1);
    });

    it("go after their time, a batch at a time, and with their migration", async () => {
      const { store, clock } = context();
      const all = [await over(true), await over(true), await over(true)];
      for (const { uuid } of all.slice(0, 2)) {
        await store.histories.archive(new Map([[uuid, [pointOf(1)]]]));
        clock.advance(1_000);
      }
      const before = clock.now();
      const [, , kept] = all;
      await store.histories.archive(new Map([[kept?.uuid ?? "", [pointOf(1)]]]));
      expect(await store.histories.prune(before, 1)).toBe(1);
      expect(await store.histories.prune(before, 10)).toBe(1);
      expect(await store.histories.read(kept?.uuid ?? "")).toHaveLength(1);
      expect(await store.migrations.prune(before, 10)).toBe(3);
      expect(await store.histories.read(kept?.uuid ?? "")).toBeUndefined();
    });
  });
}
