import type { Clock, Migration } from "@drover/model";
import { beforeEach, describe, expect, it } from "vitest";
import type { MigrationStore } from "../migration-store.ts";
import type { Store } from "../store.ts";
import { hostFacts, log, newMigration, roomy, snapshotOf } from "./samples.ts";

/** Opens a store on one database; every call opens another store on the same one. */
type OpenAnother = () => Promise<Store>;

/** A clock that stands still until it is moved; it sleeps in real time. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export interface ContractContext {
  readonly clock: TestClock;
  /** A store over an empty database. */
  readonly store: Store;
  readonly openAnother: OpenAnother;
  /** Runs a statement past the store, as somebody with the database's own client. */
  run(statement: string): Promise<void>;
}

/** What every driver promises about records of migrations. */
export function migrationContract(context: () => ContractContext): void {
  let migrations: MigrationStore;
  beforeEach(() => {
    migrations = context().store.migrations;
  });

  async function prepare(migration: Migration): Promise<Migration> {
    const prepared = await migrations.takeSourceSlot(migration.uuid, migration, roomy, { step: "x" }, log);
    if (prepared.kind !== "taken") throw new Error("no slot");
    return prepared.migration;
  }

  async function end(migration: Migration): Promise<Migration> {
    return migrations.update(migration.uuid, migration, { state: "cancelled", endedAt: context().clock.now() }, log);
  }

  describe("the log of all migrations", () => {
    it("is followed by ids, a page at a time, and read again in parts", async () => {
      expect(await migrations.logBounds()).toBeUndefined();
      expect(await migrations.readLogAfter(0, 10)).toEqual([]);
      const { uuid } = await migrations.create(newMigration(), log);
      await migrations.create(newMigration(), log);
      await migrations.appendLog(uuid, "queued", { event: "noted", message: "A third line." });
      const ids = (lines: readonly { readonly id: number }[]) => lines.map(({ id }) => id);
      expect(await migrations.logBounds()).toEqual({ oldestId: 1, newestId: 3 });
      expect(ids(await migrations.readLogAfter(0, 2))).toEqual([1, 2]);
      expect(await migrations.readLogAfter(2, 2)).toMatchObject([{ id: 3, migrationUuid: uuid, event: "noted" }]);
      expect(await migrations.readLogAfter(3, 2)).toEqual([]);
      expect(ids(await migrations.readLogRange({ afterId: 1, upToId: 2, limit: 9 }))).toEqual([2]);
      expect(ids(await migrations.readLogRange({ afterId: 0, upToId: 3, limit: 2 }))).toEqual([1, 2]);
    });
  });

  describe("records of migrations", () => {
    it("are read many at once", async () => {
      const created = [await migrations.create(newMigration(), log), await migrations.create(newMigration(), log)];
      const read = await migrations.getMany([...created.map(({ uuid }) => uuid), crypto.randomUUID()]);
      expect(read).toEqual(new Map(created.map((migration) => [migration.uuid, migration])));
      expect(await migrations.getMany([])).toEqual(new Map());
      const byId = await migrations.getManyById([...created.map(({ id }) => id), 4711]);
      expect(byId).toEqual(new Map(created.map((migration) => [migration.id, migration])));
      expect(await migrations.getManyById([])).toEqual(new Map());
    });

    it("are read back whole, by uuid and by number", async () => {
      const wanted = newMigration({ requestedHost: "west", blockMigration: false });
      const created = await migrations.create(wanted, log);
      expect(created).toMatchObject({
        ...wanted,
        id: 1,
        state: "queued",
        generation: 1,
        destinationHost: "west",
        flags: [],
        outputs: {},
        agentSequence: 0,
        abortRequestedAt: null,
        createdAt: context().clock.now(),
        updatedAt: context().clock.now(),
      });
      expect(await migrations.get(created.uuid)).toEqual(created);
      expect(await migrations.getById(created.id)).toEqual(created);
      expect(await migrations.create(newMigration(), log)).toMatchObject({ blockMigration: null });
      expect(await migrations.get(crypto.randomUUID())).toBeUndefined();
      expect(await migrations.getById(4711)).toBeUndefined();
    });

    it("keep every field that a conductor writes, to the millisecond", async () => {
      const created = await migrations.create(newMigration(), log);
      context().clock.advance(1);
      const at = new Date(context().clock.now().getTime() + 1);
      const change = {
        state: "preparing",
        destinationHost: "west",
        policy: { ...created.policy, permitPostCopy: true },
        policyOrigins: { permitPostCopy: "request" },
        flags: [{ name: "VIR_MIGRATE_LIVE", reason: "the guest runs" }],
        step: "move-guest",
        outputs: { attemptedHosts: ["north"], destination: { libvirtUri: "test:///", inboundAddress: "::1" } },
        reason: "waits",
        failure: { code: "libvirt", message: "no — “quoted”", details: { domain: 10 } },
        outcome: "stayed",
        agentSequence: 9_007_199_254_740_991,
        abortRequestedAt: at,
        abortRequestedBy: "bob",
        forceCompleteRequestedAt: at,
        forceCompleteRequestedBy: "eve",
        forceCompleteMethod: "pause",
        tuning: {
          ...{ number: 2, bandwidthMiBps: 60, downtimeMs: null, requestedBy: "eve", answer: null },
          requestedAt: at.toISOString(),
        },
        resume: { number: 1, byPolicy: 1, requestedAt: at.toISOString(), requestedBy: "policy", answer: "it went on" },
        requestAnswer: "too late",
        finalProgress: snapshotOf(created.uuid, 3),
        startedAt: at,
        endedAt: at,
      } as const;
      const written = await migrations.update(created.uuid, created, change, log);
      expect(written).toEqual({ ...created, ...change, generation: 2, updatedAt: context().clock.now() });
      expect(await migrations.get(created.uuid)).toEqual(written);
      const cleared = await migrations.update(created.uuid, written, { reason: null, failure: null, endedAt: null });
      expect(cleared).toEqual({ ...written, reason: null, failure: null, endedAt: null, generation: 3 });
    });

    it("allow one migration in progress per server", async () => {
      const first = await migrations.create(newMigration(), log);
      const again = newMigration({ serverUuid: first.serverUuid });
      await expect(migrations.create(again, log)).rejects.toMatchObject({
        code: "conflict",
        details: { migrationUuid: first.uuid },
      });
      await end(first);
      expect((await migrations.create(again, log)).serverUuid).toBe(first.serverUuid);
    });

    it("are written only against the state and generation that the writer has read", async () => {
      const read = await migrations.create(newMigration(), log);
      const written = await migrations.update(read.uuid, read, { reason: "first" });
      const late = migrations.update(read.uuid, read, { reason: "second" }, log);
      await expect(late).rejects.toMatchObject({ code: "conflict", details: { generation: 2 } });
      const wrongState = migrations.update(read.uuid, { state: "running", generation: 2 }, { reason: "third" });
      await expect(wrongState).rejects.toMatchObject({ code: "conflict" });
      expect(await migrations.get(read.uuid)).toEqual(written);
      expect(await migrations.readLog(read.uuid)).toHaveLength(1);
      await expect(migrations.update(crypto.randomUUID(), read, {})).rejects.toMatchObject({ code: "not-found" });
    });

    it("keep a log in order, each line with the state it led to", async () => {
      const created = await migrations.create(newMigration(), { event: "created", message: "one" });
      await migrations.update(created.uuid, created, { state: "failed" }, { event: "failed", message: "two" });
      await migrations.appendLog(created.uuid, "failed", {
        event: "note",
        message: "three",
        numbers: { iteration: 3 },
        request: { requestId: "req-2", requestedBy: "bob" },
      });
      const lines = await migrations.readLog(created.uuid);
      expect(lines.map((line) => [line.state, line.event, line.message])).toEqual([
        ["queued", "created", "one"],
        ["failed", "failed", "two"],
        ["failed", "note", "three"],
      ]);
      expect(lines.map(({ numbers, request }) => ({ numbers, request }))).toEqual([
        { numbers: null, request: null },
        { numbers: null, request: null },
        { numbers: { iteration: 3 }, request: { requestId: "req-2", requestedBy: "bob" } },
      ]);
      await expect(migrations.appendLog(crypto.randomUUID(), "failed", log)).rejects.toMatchObject({
        code: "not-found",
      });
    });
  });

  describe("the list of migrations", () => {
    it("comes newest first, in pages that follow a marker, also where times are equal", async () => {
      const uuids: string[] = [];
      for (const aheadMs of [0, 0, 5, 0, 5]) {
        context().clock.advance(aheadMs);
        uuids.unshift((await migrations.create(newMigration(), log)).uuid);
      }
      expect((await migrations.list({})).map((migration) => migration.uuid)).toEqual(uuids);
      const paged: string[] = [];
      for (let marker: string | undefined; ; marker = paged.at(-1)) {
        const page = await migrations.list({ limit: 2, ...(marker === undefined ? {} : { marker }) });
        if (page.length === 0) break;
        paged.push(...page.map((migration) => migration.uuid));
      }
      expect(paged).toEqual(uuids);
      await expect(migrations.list({ marker: "nobody" })).rejects.toMatchObject({ code: "bad-request" });
    });

    it("is narrowed by every filter", async () => {
      const east = await migrations.create(newMigration({ requestedHost: "west", projectId: "p1" }), log);
      context().clock.advance(10);
      const west = await migrations.create(newMigration({ sourceHost: "west", requestedBy: "bob" }), log);
      context().clock.advance(10);
      const changed = await migrations.update(west.uuid, west, { state: "failed" });
      const find = async (filter: Parameters<MigrationStore["list"]>[0]) =>
        (await migrations.list(filter)).map((migration) => migration.uuid);
      expect(await find({ host: "west" })).toEqual([west.uuid, east.uuid]);
      expect(await find({ sourceHost: "west" })).toEqual([west.uuid]);
      expect(await find({ destinationHost: "west" })).toEqual([east.uuid]);
      expect(await find({ serverUuid: east.serverUuid })).toEqual([east.uuid]);
      expect(await find({ serverName: "nobody's" })).toEqual([]);
      expect(await find({ serverUuids: [east.serverUuid, crypto.randomUUID()] })).toEqual([east.uuid]);
      expect(await find({ serverUuids: [] })).toEqual([]);
      expect(await find({ states: ["failed", "error"] })).toEqual([west.uuid]);
      expect(await find({ states: [] })).toEqual([]);
      expect(await find({ projectId: "p1" })).toEqual([east.uuid]);
      expect(await find({ userId: "bob" })).toEqual([west.uuid]);
      expect(await find({ changedSince: changed.updatedAt })).toEqual([west.uuid]);
      expect(await find({ changedBefore: east.updatedAt })).toEqual([east.uuid]);
      expect(await find({ host: "west", states: ["queued"] })).toEqual([east.uuid]);
    });
  });

  describe("a migration that only an agent knows", () => {
    it("is recorded again as unknown, once, unless its server has another in progress", async () => {
      const uuid = crypto.randomUUID();
      const adopted = {
        ...newMigration(),
        uuid,
        destinationHost: "west",
        generation: 1_000_007,
        flags: [],
        outputs: { move: { generation: 7, notAfterMs: 1 } },
        startedAt: new Date(1000),
      };
      const record = await migrations.adopt(adopted, log);
      expect(record).toMatchObject({ uuid, state: "unknown", generation: 1_000_007, destinationHost: "west" });
      expect(record).toMatchObject({ outputs: adopted.outputs, startedAt: new Date(1000), proof: null });
      expect(await migrations.adopt(adopted, log)).toBeUndefined();
      expect(await migrations.adopt({ ...adopted, uuid: crypto.randomUUID() }, log)).toBeUndefined();
      expect((await migrations.readLog(uuid)).map((line) => line.event)).toEqual([log.event]);
    });
  });

  describe("a record that is older than what agents saw of it", () => {
    it("is written with a generation beyond all of them", async () => {
      const first = await migrations.create(newMigration(), log);
      const after = await migrations.updateRestored(first.uuid, first, { state: "unknown" }, log);
      expect(after).toMatchObject({ state: "unknown", generation: 1_000_001 });
      await expect(migrations.updateRestored(first.uuid, first, {}, log)).rejects.toMatchObject({ code: "conflict" });
    });
  });

  describe("leases", () => {
    it("are taken oldest first and by one owner at a time", async () => {
      const created: string[] = [];
      for (let n = 0; n < 3; n++) {
        created.push((await migrations.create(newMigration(), log)).uuid);
        context().clock.advance(1);
      }
      const taken = async (owner: string) =>
        (await migrations.acquireLeases(owner, 1000, 2)).map((migration) => migration.uuid);
      expect(await taken("a")).toEqual(created.slice(0, 2));
      expect(await taken("b")).toEqual(created.slice(2));
      expect(await taken("a")).toEqual([]);
    });

    it("run out unless they are renewed, and what another took is not renewed", async () => {
      const { uuid } = await migrations.create(newMigration(), log);
      await migrations.acquireLeases("a", 1000, 10);
      context().clock.advance(900);
      expect(await migrations.renewLeases("a", [uuid], 1000)).toEqual([uuid]);
      context().clock.advance(900);
      expect(await migrations.acquireLeases("b", 1000, 10)).toEqual([]);
      context().clock.advance(100);
      expect(await migrations.acquireLeases("b", 1000, 10)).toHaveLength(1);
      expect(await migrations.renewLeases("a", [uuid], 1000)).toEqual([]);
      await migrations.releaseLease("a", uuid);
      expect(await migrations.acquireLeases("a", 1000, 10)).toEqual([]);
      await migrations.releaseLease("b", uuid);
      expect(await migrations.acquireLeases("a", 1000, 10)).toHaveLength(1);
    });

    it("raise the generation when they are taken over, and only then", async () => {
      const { uuid } = await migrations.create(newMigration(), log);
      const [first] = await migrations.acquireLeases("a", 1000, 10);
      expect(first?.generation).toBe(1);
      context().clock.advance(1000);
      const [second] = await migrations.acquireLeases("b", 1000, 10);
      expect(second?.generation).toBe(2);
      await expect(
        migrations.update(uuid, { state: "queued", generation: 1 }, { state: "preparing" }),
      ).rejects.toMatchObject({ code: "conflict" });
      await migrations.releaseLease("b", uuid);
      expect((await migrations.acquireLeases("a", 1000, 10))[0]?.generation).toBe(2);
    });

    it("are given for what waits for a person too, and not for what is over", async () => {
      const runnable = await migrations.create(newMigration(), log);
      await end(await migrations.create(newMigration(), log));
      const prepared = await prepare(await migrations.create(newMigration(), log));
      const stuck = await migrations.update(prepared.uuid, prepared, { state: "error" });
      expect(await migrations.acquireLeases("a", 1000, 10)).toEqual([runnable, stuck]);
    });
  });

  describe("figures", () => {
    it("count what is in progress by state, with the oldest of each, and every host", async () => {
      const { store, clock } = context();
      const { migrations } = store;
      const first = await migrations.create(newMigration(), log);
      const startedAt = clock.now();
      clock.advance(1000);
      await migrations.create(newMigration(), log);
      await prepare(await migrations.create(newMigration(), log));
      await end(await migrations.create(newMigration(), log));
      clock.advance(1000);
      await migrations.update(first.uuid, first, { reason: "waits" });
      await store.hosts.report(hostFacts("east"), "0.1.0");
      const secondAt = new Date(startedAt.getTime() + 1000);
      expect(await store.figures()).toEqual({
        migrations: new Map([
          ["queued", { count: 2, oldestCreatedAt: startedAt, oldestUpdatedAt: secondAt }],
          ["preparing", { count: 1, oldestCreatedAt: secondAt, oldestUpdatedAt: secondAt }],
        ]),
        hosts: [{ host: "east", lastSeenAt: clock.now(), forcedDown: false }],
      });
    });
  });
}
