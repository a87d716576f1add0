import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isOver, isWatched, untilMigration, untilServerIsOn } from "../integration/watching.ts";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

const TABLES = [
  ...["migrations", "migration_log", "destination_claims", "migration_progress"],
  ...["hosts", "host_beats", "guests", "placement_changes"],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-restored-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every row as it was in the backup, under the services that have the database open. */
function putBack(path: string, backup: string): void {
  using database = new DatabaseSync(path);
  database.exec(`attach '${backup}' as backup; pragma foreign_keys = off; begin immediate;`);
  for (const table of TABLES)
    database.exec(`delete from ${table}; insert into ${table} select * from backup.${table};`);
  database.exec("commit");
}

function backUp(path: string, backup: string): void {
  using database = new DatabaseSync(path);
  database.exec(`vacuum into '${backup}'`);
}

async function eventsOf(plane: SimulatedPlane, id: number): Promise<readonly string[]> {
  return (await plane.client.migration(id)).log.map(({ event }) => event);
}

it("a database put back from a backup says what is true, and moves nobody for what was asked long ago", {
  timeout: 120_000,
}, async () => {
  const path = join(folder, "drover.db");
  const backup = join(folder, "backup.db");
  await using plane = await startSimulatedPlane({
    databasePath: path,
    conductor: { max_concurrent_live_migrations: 1 },
  });
  const { client, fleet, store } = plane;
  for (const name of ["moving", "waiting", "called-off", "later"]) await plane.addGuest({ name, dirtyMiBps: 1 });
  fleet.faults.setLinkBandwidth("alpha", "beta", 10);
  const moving = (await client.migrate("moving", { host: "beta" })).migration.id;
  await untilMigration(client, moving, "watched", isWatched);
  const waiting = (await client.migrate("waiting", { host: "beta" })).migration.id;
  const calledOff = (await client.migrate("called-off", { host: "beta" })).migration.id;
  backUp(path, backup);

  // What the backup does not know: one is called off, two arrive, one is begun.
  await client.abort(calledOff);
  fleet.faults.setLinkBandwidth("alpha", "beta", 300);
  for (const id of [moving, waiting]) {
    expect(await untilMigration(client, id, "over", isOver)).toMatchObject({ state: "completed" });
  }
  fleet.faults.setLinkBandwidth("alpha", "beta", 10);
  const lost = (await client.migrate("later", { host: "beta" })).migration;
  await untilMigration(client, lost.id, "watched", isWatched);

  await plane.stopConductor();
  putBack(path, backup);
  await plane.startConductor();

  for (const id of [moving, waiting]) {
    const ended = await untilMigration(client, id, "over", isOver);
    expect(ended, `${ended.reason}`).toMatchObject({ state: "completed", proof: { finding: "foundOnDestination" } });
  }
  const cancelled = await untilMigration(client, calledOff, "over", isOver);
  expect(cancelled).toMatchObject({ state: "cancelled", reason: expect.stringMatching(/restored from a backup/) });
  expect(await eventsOf(plane, calledOff)).not.toContain("schedule");
  await untilServerIsOn(client, "called-off", "alpha");

  fleet.faults.setLinkBandwidth("alpha", "beta", 300);
  const again = await untilMigration(client, await idOf(plane, lost.uuid), "over", isOver);
  expect(again).toMatchObject({ state: "completed", destinationHost: "beta" });
  expect(again.requestedBy).toMatch(/record was lost/);
  expect(await store.claims.list()).toEqual([]);
});

/** It has another number than before, once its agent has told of it. */
async function idOf({ store }: SimulatedPlane, uuid: string): Promise<number> {
  return await expect
    .poll(async () => (await store.migrations.get(uuid))?.id, { timeout: 40_000 })
    .toEqual(expect.any(Number))
    .then(async () => (await store.migrations.get(uuid))?.id ?? 0);
}
