import { silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { openSqliteStore } from "@drover/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { progressReader } from "./progress-reader.ts";
import { openSampleFleet, S1, type SampleFleet, sampleSnapshot } from "./testing/sample-fleet.ts";

let sample: SampleFleet;
beforeEach(async () => {
  sample = await openSampleFleet();
});
afterEach(() => sample[Symbol.asyncDispose]());

const reader = ({ store, progress } = sample) =>
  progressReader({ store, progress, clock: systemClock, logger: silentLogger });

it("gives the newest of cache and store", async () => {
  const migration = await sample.running(S1);
  const { uuid } = migration;
  let nowMs = 0;
  const progress = openMemoryProgress({ clock: { ...systemClock, monotonicMs: () => nowMs }, logger: silentLogger });
  const read = async () => (await reader({ ...sample, progress })([migration])).get(uuid);
  await progress.publish("hosta", [sampleSnapshot(uuid, { sequence: 5 })]);
  nowMs = 20_000;
  await sample.store.progress.flush([{ snapshot: sampleSnapshot(uuid, { sequence: 4 }), ageMs: 0 }]);
  expect(await read()).toMatchObject({ source: "cache", ageMs: 20_000, progress: { sequence: 5 } });
  await sample.store.progress.flush([{ snapshot: sampleSnapshot(uuid, { sequence: 6 }), ageMs: 0 }]);
  expect(await read()).toMatchObject({ source: "store", stale: false });
  await progress.close();
});

it("leaves the store alone while the cache has fresh numbers", async () => {
  const migration = await sample.running(S1);
  // The clock of its agent is an hour slow.
  const observedAtMs = Date.now() - 3_600_000;
  await sample.progress.publish("hosta", [sampleSnapshot(migration.uuid, { observedAtMs })]);
  const closed = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  await closed.close();
  const read = reader({ ...sample, store: closed });
  expect((await read([migration])).get(migration.uuid)).toMatchObject({ source: "cache" });
});

it("falls back to the store, marked stale and with its age, when the cache is away", async () => {
  const migration = await sample.running(S1);
  await sample.store.progress.flush([{ snapshot: sampleSnapshot(migration.uuid), ageMs: 4000 }]);
  await sample.progress.close();
  const known = (await reader()([migration])).get(migration.uuid);
  expect(known).toMatchObject({ source: "store", stale: true });
  expect(known?.ageMs).toBeGreaterThanOrEqual(4000);
});

it("gives the record's last numbers for a migration that is over, and nothing where nothing is known", async () => {
  const running = await sample.running(S1);
  expect((await reader()([running])).size).toBe(0);
  const finalProgress = sampleSnapshot(running.uuid, { phase: "completed", downtimeMs: 31 });
  const undone = await sample.move(running, { state: "rolling-back" });
  const over = await sample.move(undone, { state: "failed", finalProgress });
  await sample.progress.close();
  expect((await reader()([over])).get(over.uuid)).toMatchObject({
    source: "record",
    stale: false,
    progress: { downtimeMs: 31 },
  });
});
