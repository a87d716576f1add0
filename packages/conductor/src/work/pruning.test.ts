import { defaultPolicy, silentLogger } from "@drover/model";
import { type NewAuditEntry, openSqliteStore, type Store } from "@drover/store";
import { expect, it } from "vitest";
import { startPruning } from "./pruning.ts";

const DAY_MS = 86_400_000;
const START = new Date("2026-06-01T00:00:00.000Z");
const HOUR_MS = 3_600_000;

const entry: NewAuditEntry = {
  ...{ userId: "ann", projectId: "farm", role: "admin", tokenId: null, remoteAddress: null, sender: null },
  ...{ action: "create_token", resource: null, request: null, outcome: "ok", message: null, httpStatus: null },
  ...{ requestId: "req-1", times: 1 },
};

/** A clock whose sleeps are over as soon as they are asked for; `hours` of them are told by `passed`. */
function hurriedClock(hours: number) {
  let nowMs = START.getTime();
  const slept: number[] = [];
  const passed = Promise.withResolvers<void>();
  return {
    slept,
    passed: passed.promise,
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms;
    },
    sleep: async (ms: number, signal?: AbortSignal) => {
      slept.push(ms);
      if (slept.filter((one) => one === HOUR_MS).length === hours) passed.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

interface Pruning {
  readonly migrationsDays?: number;
  readonly auditDays?: number;
  readonly historyDays?: number;
  readonly looks?: number;
  /** Of the store, which is 100 days older than the first look. */
  readonly before: (store: Store) => Promise<unknown>;
}

/** Prunes a real store so often, and looks at what is left. */
async function prune({ migrationsDays = 0, auditDays = 0, historyDays = 0, looks = 1, before }: Pruning) {
  const clock = hurriedClock(looks);
  const store = await openSqliteStore({ path: ":memory:", clock, logger: silentLogger });
  await before(store);
  clock.advance(100 * DAY_MS);
  const pruned: string[] = [];
  const service = startPruning({
    ...{ store, clock, logger: silentLogger },
    config: { migrations_days: migrationsDays, history_days: historyDays, audit_days: auditDays },
    onPruned: (what, count) => pruned.push(`${count} of ${what}`),
  });
  await clock.passed;
  await service.stop();
  return { store, pruned, slept: clock.slept };
}

async function entriesOf(store: Store, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await store.audit.add(entry);
}

/** One that is over, and one that is not. */
async function twoMigrations({ migrations }: Store): Promise<void> {
  const policy = { policy: defaultPolicy, memoryKiB: 1_048_576, requestId: "req-1", projectId: "farm" };
  const wish = {
    ...policy,
    serverName: "vm1",
    sourceHost: "east",
    requestedHost: null,
    requestedBy: "ann",
    step: "choose-destination",
  };
  const line = { event: "test", message: "A test wrote this." };
  const create = () => migrations.create({ ...wish, serverUuid: crypto.randomUUID() }, line);
  const [over] = [await create(), await create()];
  await migrations.update(over.uuid, over, { state: "completed", endedAt: START }, line);
}

it("deletes in batches what is too old, with a rest between them", async () => {
  const { store, pruned, slept } = await prune({ auditDays: 99, before: (before) => entriesOf(before, 250) });
  expect(pruned).toEqual(["200 of audit", "50 of audit"]);
  expect(slept.slice(0, 3)).toEqual([60_000, 100, HOUR_MS]);
  expect(await store.audit.list({})).toEqual([]);
  expect(await store.duties.take("pruning", "another", 1)).toBe(true);
  await store.close();
});

it("keeps each kind for a time of its own, and for ever where that is 0 days", async () => {
  const before = async (store: Store) => {
    await entriesOf(store, 1);
    await twoMigrations(store);
  };
  const one = await prune({ migrationsDays: 99, auditDays: 101, before });
  expect((await one.store.migrations.list({})).map(({ state }) => state)).toEqual(["queued"]);
  expect(await one.store.audit.list({})).toHaveLength(1);
  await one.store.close();
  const other = await prune({ migrationsDays: 0, auditDays: 0, before });
  expect([other.pruned, await other.store.migrations.list({})]).toMatchObject([[], { length: 2 }]);
  await other.store.close();
});

it("deletes how a copy went before its migration", async () => {
  const before = (store: Store) => store.histories.archive(new Map([["one", []]]));
  const { store, pruned } = await prune({ historyDays: 99, before });
  expect(pruned).toEqual(["1 of histories"]);
  expect(await store.histories.read("one")).toBeUndefined();
  await store.close();
});

it("leaves to another conductor what that one does", async () => {
  const before = async (store: Store) => {
    await entriesOf(store, 1);
    await store.duties.take("pruning", "another", 200 * DAY_MS);
  };
  const { store } = await prune({ auditDays: 1, before });
  expect(await store.audit.list({})).toHaveLength(1);
  await store.close();
});

it("looks again after an hour, also after a failure", async () => {
  const { pruned, slept } = await prune({ auditDays: 1, looks: 3, before: (store) => store.close() });
  expect(pruned).toEqual([]);
  expect(slept.slice(0, 4)).toEqual([60_000, HOUR_MS, HOUR_MS, HOUR_MS]);
});
