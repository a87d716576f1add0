import { isDroverError, type Migration } from "@drover/model";
import { beforeEach, describe, expect, it } from "vitest";
import type { MigrationStore } from "../migration-store.ts";
import type { Store } from "../store.ts";
import type { ContractContext } from "./migration-contract.ts";
import { log, newMigration, roomy } from "./samples.ts";

const CONDUCTORS = 4;
const MIGRATIONS = 24;

/** What every driver promises when several conductors write at once, each over a store of its own. */
export function racingContract(context: () => ContractContext): void {
  describe("racing conductors", () => {
    let stores: readonly Store[];
    const storeOf = (n: number): Store => stores[n % stores.length] ?? context().store;

    beforeEach(async () => {
      stores = await Promise.all(Array.from({ length: CONDUCTORS }, () => context().openAnother()));
    });

    async function createMany(sourceOf: (n: number) => string): Promise<readonly string[]> {
      const created = Array.from({ length: MIGRATIONS }, (_, n) =>
        storeOf(n).migrations.create(newMigration({ sourceHost: sourceOf(n) }), log),
      );
      return (await Promise.all(created)).map((migration) => migration.uuid);
    }

    const queued = { state: "queued", generation: 1 } as const;

    it("never take more slots of a source than it has", async () => {
      const uuids = await createMany(() => "east");
      const limits = { ...roomy, maxOutgoing: 3 };
      const taken = await Promise.all(
        uuids.map((uuid, n) => storeOf(n).migrations.takeSourceSlot(uuid, queued, limits, {}, log)),
      );
      expect(taken.filter(({ kind }) => kind === "taken")).toHaveLength(3);
      expect(await context().store.migrations.list({ states: ["preparing"] })).toHaveLength(3);
    });

    it("never take more slots in all than the fleet has", async () => {
      const uuids = await createMany((n) => `host-${n % 6}`);
      const limits = { maxOutgoing: 2, maxFleet: 5 };
      const taken = await Promise.all(
        uuids.map((uuid, n) => storeOf(n).migrations.takeSourceSlot(uuid, queued, limits, {}, log)),
      );
      expect(taken.filter(({ kind }) => kind === "taken")).toHaveLength(5);
    });

    it("give one migration its slot once", async () => {
      const [uuid = ""] = await createMany(() => "east");
      const answers = await Promise.allSettled(
        stores.map((store) => store.migrations.takeSourceSlot(uuid, queued, roomy, { step: "prepare" }, log)),
      );
      expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(1);
      for (const answer of answers) {
        if (answer.status === "rejected") expect(isDroverError(answer.reason, "conflict")).toBe(true);
      }
      const record = await context().store.migrations.get(uuid);
      expect(record).toMatchObject({ state: "preparing", step: "prepare", generation: 2 });
    });

    it("never claim more of a destination than it has", async () => {
      const uuids = await createMany(() => "east");
      await Promise.all(uuids.map((uuid) => storeOf(0).migrations.update(uuid, queued, { state: "preparing" })));
      const claim = (limits: { memoryKiB: number; maxIncoming: number }, host: string) =>
        Promise.allSettled(
          uuids.map((migrationUuid, n) => storeOf(n).claims.claim({ migrationUuid, host, memoryKiB: 100 }, limits)),
        );
      const byMemory = await claim({ memoryKiB: 450, maxIncoming: 100 }, "west");
      expect(byMemory.filter((answer) => answer.status === "fulfilled")).toHaveLength(4);
      const bySlots = await claim({ memoryKiB: 100_000, maxIncoming: 7 }, "north");
      expect(bySlots.filter((answer) => answer.status === "fulfilled")).toHaveLength(7);
      for (const answer of [...byMemory, ...bySlots]) {
        if (answer.status === "rejected") expect(isDroverError(answer.reason, "refused")).toBe(true);
      }
    });

    it("create one migration of a server", async () => {
      const wanted = newMigration();
      const answers = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => storeOf(n).migrations.create(wanted, log)),
      );
      expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(1);
      for (const answer of answers) {
        if (answer.status === "rejected") expect(isDroverError(answer.reason, "conflict")).toBe(true);
      }
    });

    it("lease a migration to one of them", async () => {
      const uuids = await createMany(() => "east");
      const leased = await Promise.all(
        stores.flatMap((store, n) => [1, 2, 3].map(() => store.migrations.acquireLeases(`c${n}`, 60_000, 4))),
      );
      const owned = leased.flat().map((migration) => migration.uuid);
      expect(new Set(owned).size).toBe(owned.length);
      expect(uuids).toEqual(expect.arrayContaining(owned));
    });
  });

  describe("claims", () => {
    it("are held once, move with their migration and are released", async () => {
      const { claims, migrations } = context().store;
      const { uuid: migrationUuid } = await prepared(migrations);
      const limits = { memoryKiB: 150, maxIncoming: 1 };
      await claims.claim({ migrationUuid, host: "west", memoryKiB: 100 }, limits);
      await claims.claim({ migrationUuid, host: "west", memoryKiB: 100 }, limits);
      expect(await claims.list()).toMatchObject([{ migrationUuid, host: "west", memoryKiB: 100 }]);
      await claims.claim({ migrationUuid, host: "north", memoryKiB: 100 }, limits);
      expect(await claims.list()).toMatchObject([{ migrationUuid, host: "north", memoryKiB: 100 }]);
      await claims.release(migrationUuid);
      await claims.release(migrationUuid);
      expect(await claims.list()).toEqual([]);
    });

    it("are not released for a record that has gone on", async () => {
      const { claims, migrations } = context().store;
      const before = await prepared(migrations);
      await claims.release(before.uuid, { state: "preparing", generation: 0 });
      await claims.claim({ migrationUuid: before.uuid, host: "west", memoryKiB: 1 }, { memoryKiB: 1, maxIncoming: 1 });
      const now = await migrations.update(before.uuid, before, { destinationHost: "west" }, log);
      await expect(claims.release(before.uuid, before)).rejects.toMatchObject({ code: "conflict" });
      expect(await claims.list()).toHaveLength(1);
      await claims.release(before.uuid, now);
      expect(await claims.list()).toEqual([]);
    });

    it("are refused to a migration that is waiting or over, also while it is being ended", async () => {
      const { claims, migrations } = context().store;
      const limits = { memoryKiB: 1000, maxIncoming: 100 };
      const waiting = await migrations.create(newMigration(), log);
      const claimFor = (migrationUuid: string) => claims.claim({ migrationUuid, host: "west", memoryKiB: 1 }, limits);
      await expect(claimFor(waiting.uuid)).rejects.toMatchObject({ code: "conflict", details: { state: "queued" } });
      await migrations.update(waiting.uuid, waiting, { state: "cancelled" }, log);
      await expect(claimFor(waiting.uuid)).rejects.toMatchObject({ code: "conflict", details: { state: "cancelled" } });
      const other = await context().openAnother();
      const ended = await Promise.all(Array.from({ length: 8 }, () => prepared(migrations)));
      await Promise.all(
        ended.map(async (migration, n) => {
          const end = async () => {
            await other.migrations.update(migration.uuid, migration, { state: "cancelled" }, log);
            await other.claims.release(migration.uuid);
          };
          const claim = async () => {
            const refusal = await claimFor(migration.uuid).catch((error: unknown) => error);
            if (refusal !== undefined) expect(isDroverError(refusal, "conflict")).toBe(true);
          };
          await Promise.all(n % 2 === 0 ? [claim(), end()] : [end(), claim()]);
        }),
      );
      expect(await claims.list()).toEqual([]);
    });

    it("name the limit that stood in the way, and keep what was held", async () => {
      const { claims, migrations } = context().store;
      const { uuid: migrationUuid } = await prepared(migrations);
      await claims.claim({ migrationUuid, host: "west", memoryKiB: 100 }, { memoryKiB: 100, maxIncoming: 1 });
      const elsewhere = { migrationUuid, host: "north", memoryKiB: 100 };
      const tooSmall = claims.claim(elsewhere, { memoryKiB: 99, maxIncoming: 1 });
      await expect(tooSmall).rejects.toMatchObject({ code: "refused", details: { limit: "memoryKiB" } });
      const noSlot = claims.claim(elsewhere, { memoryKiB: 100, maxIncoming: 0 });
      await expect(noSlot).rejects.toMatchObject({ code: "refused", details: { limit: "maxIncoming" } });
      expect(await claims.list()).toMatchObject([{ migrationUuid, host: "west", memoryKiB: 100 }]);
      const nobody = { migrationUuid: crypto.randomUUID(), host: "west", memoryKiB: 1 };
      await expect(claims.claim(nobody, { memoryKiB: 1000, maxIncoming: 9 })).rejects.toMatchObject({
        code: "not-found",
      });
    });
  });
}

/** A migration in a state that may hold a claim. */
async function prepared(migrations: MigrationStore): Promise<Migration> {
  const created = await migrations.create(newMigration(), log);
  return migrations.update(created.uuid, created, { state: "preparing" }, log);
}
