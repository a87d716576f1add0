import { describe, expect, it } from "vitest";
import type { ContractContext } from "./migration-contract.ts";
import { log, newMigration, roomy, snapshotOf } from "./samples.ts";

/** What every driver promises about the numbers of copies. */
export function progressContract(context: () => ContractContext): void {
  describe("flushed progress", () => {
    it("keeps the newest of each migration, whatever order flushes come in", async () => {
      const { progress } = context().store;
      const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
      await progress.flush([snapshotOf(one, 2), snapshotOf(two, 7)]);
      await progress.flush([snapshotOf(one, 3), snapshotOf(one, 1), snapshotOf(two, 6)]);
      const kept = await progress.read([one, two, crypto.randomUUID()]);
      expect(kept).toEqual(
        new Map([
          [one, snapshotOf(one, 3)],
          [two, snapshotOf(two, 7)],
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
}
