import {
  type Clock,
  DroverError,
  defaultPolicy,
  type MigrationProgress,
  silentLogger,
  systemClock,
} from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { openSqliteStore, type Store } from "@drover/store";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startHistoryArchive } from "./history-archive.ts";

let store: Store;
let progress: ProgressCache;
let tick: () => void;
let clock: Clock;
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  tick = () => {};
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      tick = resolve;
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  clock = { ...systemClock, sleep };
});
afterEach(async () => {
  await progress.close();
  await store.close();
});

const line = { event: "test", message: "A test wrote this." };

function snapshotOf(migrationUuid: string, sequence: number): MigrationProgress {
  return {
    ...{ migrationUuid, sequence, observedAtMs: sequence, phase: "pre-copy", elapsedMs: sequence * 500, iteration: 1 },
    ...{ memoryTotalBytes: 9, memoryProcessedBytes: 5, memoryRemainingBytes: 4, memoryBytesPerSecond: 3 },
    ...{ dirtyBytesPerSecond: 2, diskTotalBytes: 0, diskProcessedBytes: 0, diskRemainingBytes: 0 },
    ...{ expectedDowntimeMs: 10, downtimeLimitMs: 50, autoConvergeThrottlePercent: 0, downtimeMs: null },
  };
}

/** A migration whose copy has begun, with numbers in the cache. */
async function copied(sequences: number): Promise<string> {
  const { uuid, ...version } = await store.migrations.create(
    {
      ...{ policy: defaultPolicy, memoryKiB: 1_048_576, requestId: "req-1", projectId: "farm", requestedBy: "ann" },
      ...{ serverUuid: crypto.randomUUID(), serverName: "vm1", sourceHost: "east", requestedHost: null, step: "x" },
    },
    line,
  );
  for (let sequence = 1; sequence <= sequences; sequence++) {
    await progress.publish("east", [snapshotOf(uuid, sequence)]);
  }
  await store.migrations.update(
    uuid,
    version,
    { state: "completed", startedAt: clock.now(), endedAt: clock.now() },
    line,
  );
  return uuid;
}

const start = () => startHistoryArchive({ store, progress, clock, logger: silentLogger });

it("archives how each copy that is over went, once, and takes it out of the cache", async () => {
  const [one, unseen] = [await copied(2), await copied(0)];
  const archive = vi.spyOn(store.histories, "archive");
  const take = vi.spyOn(store.duties, "take");
  const missing = vi.spyOn(store.histories, "missing");
  const running = start();
  await vi.waitFor(async () =>
    expect(await store.histories.read(one)).toMatchObject([{ observedAtMs: 1 }, { observedAtMs: 2 }]),
  );
  expect(await store.histories.read(unseen)).toEqual([]);
  await vi.waitFor(async () => expect(await progress.read([{ migrationUuid: one, host: "east" }])).toEqual(new Map()));
  tick();
  await vi.waitFor(() => expect(missing).toHaveBeenCalledTimes(2));
  await running.stop();
  // With nothing to do nothing is written.
  expect([archive.mock.calls.length, take.mock.calls.length]).toEqual([1, 1]);
});

it("waits for a cache that is away, and leaves to another conductor what that one does", async () => {
  await store.duties.take("history-archive", "another", 60_000);
  const uuid = await copied(1);
  const read = vi.spyOn(progress, "readHistories");
  const missing = vi.spyOn(store.histories, "missing");
  const running = start();
  await vi.waitFor(() => expect(missing).toHaveBeenCalledTimes(1));
  await store.duties.giveBack("history-archive", "another");
  expect(read).not.toHaveBeenCalled();
  read.mockRejectedValueOnce(new DroverError("unavailable", "Redis is away"));
  await vi.waitFor(() => {
    tick();
    expect(read).toHaveBeenCalledTimes(1);
  });
  expect(await store.histories.read(uuid)).toBeUndefined();
  await vi.waitFor(async () => {
    tick();
    expect(await store.histories.read(uuid)).toHaveLength(1);
  });
  await running.stop();
  expect(await store.duties.take("history-archive", "another", 1)).toBe(true);
});
