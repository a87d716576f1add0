import { silentLogger, systemClock } from "@drover/model";
import { openSqliteStore } from "@drover/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiFixture, move, openApiFixture, runningMigration, S1, snapshot } from "./api-fixture.test.support.ts";
import { progressReader } from "./progress-reader.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

const reader = () =>
  progressReader({ store: api.store, progress: api.progress, clock: systemClock, logger: silentLogger });

it("gives the newest of cache and store", async () => {
  const migration = await runningMigration(api.store, S1);
  const { uuid } = migration;
  const observedAtMs = Date.now() - 20_000;
  await api.progress.publish("hosta", [snapshot(uuid, { sequence: 5, observedAtMs })]);
  await api.store.progress.flush([snapshot(uuid, { sequence: 4, observedAtMs })]);
  expect((await reader()([migration])).get(uuid)).toMatchObject({ source: "cache", progress: { sequence: 5 } });
  await api.store.progress.flush([snapshot(uuid, { sequence: 6, observedAtMs })]);
  expect((await reader()([migration])).get(uuid)).toMatchObject({ source: "store", stale: false });
});

it("leaves the store alone while the cache has fresh numbers", async () => {
  const migration = await runningMigration(api.store, S1);
  await api.progress.publish("hosta", [snapshot(migration.uuid)]);
  const { progress } = api;
  const store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  await store.close();
  const read = progressReader({ store, progress, clock: systemClock, logger: silentLogger });
  expect((await read([migration])).get(migration.uuid)).toMatchObject({ source: "cache" });
});

it("falls back to the store, marked stale and with its age, when the cache is away", async () => {
  const migration = await runningMigration(api.store, S1);
  await api.store.progress.flush([snapshot(migration.uuid, { observedAtMs: Date.now() - 4000 })]);
  await api.progress.close();
  const known = (await reader()([migration])).get(migration.uuid);
  expect(known).toMatchObject({ source: "store", stale: true });
  expect(known?.ageMs).toBeGreaterThanOrEqual(4000);
  expect((await api.v1("GET", `/migrations/${migration.id}`)).body).toMatchObject({
    migration: { progress: { source: "store", stale: true } },
  });
  expect((await api.nova("GET", `/servers/${S1}/migrations`, 80)).body).toMatchObject({
    migrations: [{ memory_total_bytes: 1000 }],
  });
});

it("gives the record's last numbers for a migration that is over, and nothing where nothing is known", async () => {
  const running = await runningMigration(api.store, S1);
  expect((await reader()([running])).size).toBe(0);
  const finalProgress = snapshot(running.uuid, { phase: "completed", downtimeMs: 31 });
  const undone = await move(api.store, running, { state: "rolling-back" });
  const over = await move(api.store, undone, { state: "failed", finalProgress });
  await api.progress.close();
  expect((await reader()([over])).get(over.uuid)).toMatchObject({
    source: "record",
    stale: false,
    progress: { downtimeMs: 31 },
  });
});
