import { randomBytes } from "node:crypto";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigration,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { LibvirtConnection } from "@drover/libvirt";
import { failedChecks } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";

const INSTANCES = "/var/lib/nova/instances";
const UUID = "5f6e0c5c-0000-4000-8000-000000000007";
const FOLDER = `${INSTANCES}/${UUID}`;
const DISK = `${FOLDER}/disk`;
const SECOND = `${FOLDER}/disk.swap`;
const onSource = { server: "h1" };
const onDestination = { server: "h2" };
const content = randomBytes(200_000);

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
  bed.fleet.putFile("h1", DISK, content);
  bed.fleet.putFile("h1", SECOND, content);
});

afterEach(async () => {
  await bed.close();
});

/** What both hosts say of the guest with both disks in a folder of its own. */
async function asked(disks: readonly string[] = [DISK, SECOND]) {
  await bed.addGuest({ name: "web", uuid: UUID, localDisks: disks });
  const command = bed.startCommand(UUID, "web");
  const source = await bed.bus.call(checkCanLiveMigrateSource, { ...command, blockMigration: null }, onSource);
  if (source.requirements === null) throw new Error("the guest is here");
  const offer = { ...command, sourceHost: "h1", requirements: source.requirements };
  const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, onDestination);
  const prepare = { ...command, sourceHost: "h1", disks: source.requirements.disks };
  return { command, prepare, failed: failedChecks([...source.checks, ...there.checks]) };
}

/** Whether a host has the folder: libvirt can make a pool of it. */
async function hasFolder(host: string, folder = FOLDER): Promise<boolean> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  const xml = `<pool type='dir'><name>look</name><target><path>${folder}</path></target></pool>`;
  const pool = await connection.storagePool.createXML(xml).catch(() => null);
  if (pool !== null) await connection.storagePool.destroy(pool);
  return pool !== null;
}

async function settle({ command, prepare }: Awaited<ReturnType<typeof asked>>): Promise<void> {
  const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
  await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
  const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
  expect(outcome).toMatchObject({ outcome: "arrived" });
  await bed.bus.call(postLiveMigrationAtDestination, command, onDestination);
  await bed.bus.call(postLiveMigration, { ...command, removeRemnant: false, removeCopiedDisks: true }, onSource);
}

describe("the folder of a guest alone", () => {
  beforeEach(() => {
    bed.fleet.putFile("h2", `${INSTANCES}/compute_nodes`, Buffer.from("{}"));
  });

  test("is made where it arrives, and removed where it has left", async () => {
    const question = await asked();
    expect(question.failed).toEqual([]);
    expect(await hasFolder("h2")).toBe(false);
    await settle(question);
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
    expect(bed.fleet.readFile("h2", SECOND)).toEqual(content);
    expect([await hasFolder("h1"), await hasFolder("h1", INSTANCES)]).toEqual([false, true]);
  });

  test("stays where it left as long as something else is in it", async () => {
    bed.fleet.putFile("h1", `${FOLDER}/console.log`, Buffer.from("login:"));
    await settle(await asked());
    expect(bed.fleet.filesIn("h1", FOLDER)).toEqual([`${FOLDER}/console.log`]);
  });

  test("goes with the rollback that removes what was made in it", async () => {
    const { command, prepare } = await asked();
    await bed.bus.call(preLiveMigration, prepare, onDestination);
    expect(bed.fleet.filesIn("h2", FOLDER)).toEqual([DISK, SECOND]);
    const undo = { ...command, removeRemnant: false, broughtDefinition: "undecided" } as const;
    for (const _again of [1, 2]) await bed.bus.call(rollbackLiveMigrationAtDestination, undo, onDestination);
    expect([await hasFolder("h2"), await hasFolder("h2", INSTANCES)]).toEqual([false, true]);
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
  });

  test("that somebody uses meanwhile stays at a rollback, with what is in it", async () => {
    const { command, prepare } = await asked();
    await bed.bus.call(preLiveMigration, prepare, onDestination);
    bed.fleet.putFile("h2", `${FOLDER}/notes`, Buffer.from("mine"));
    const undo = { ...command, removeRemnant: false, broughtDefinition: "undecided" } as const;
    await bed.bus.call(rollbackLiveMigrationAtDestination, undo, onDestination);
    expect(bed.fleet.filesIn("h2", FOLDER)).toEqual([`${FOLDER}/notes`]);
  });

  test("is not removed by a rollback where it was there before", async () => {
    bed.fleet.putFile("h2", `${FOLDER}/x`, Buffer.from("x"));
    bed.fleet.putFile("h2", `${INSTANCES}/y`, Buffer.from("y"));
    await using connection = await LibvirtConnection.open(bed.fleet.host("h2").uri);
    const { command, prepare } = await asked();
    await bed.bus.call(preLiveMigration, prepare, onDestination);
    const pool = await connection.storagePool.createXML(
      `<pool type='dir'><name>mine</name><target><path>${FOLDER}</path></target></pool>`,
    );
    await connection.storageVol.delete(await connection.storageVol.lookupByName(pool, "x"));
    await connection.storagePool.destroy(pool);
    const undo = { ...command, removeRemnant: false, broughtDefinition: "undecided" } as const;
    await bed.bus.call(rollbackLiveMigrationAtDestination, undo, onDestination);
    expect(await hasFolder("h2")).toBe(true);
  });
});

test("where the folder above it is missing nothing is made, and the reason names the disk", async () => {
  const { failed } = await asked();
  expect(failed).toMatchObject([
    { check: "storage", message: expect.stringMatching(/cannot use the folder of .*disk/) },
  ]);
  expect(await hasFolder("h2", INSTANCES)).toBe(false);
});

test("a folder that is not named for the guest is not made", async () => {
  bed.fleet.putFile("h1", "/srv/guests/web.raw", content);
  bed.fleet.putFile("h2", "/srv/other", content);
  const { failed } = await asked(["/srv/guests/web.raw"]);
  expect(failed).toMatchObject([{ check: "storage", message: expect.stringContaining("create it there") }]);
  expect(await hasFolder("h2", "/srv/guests")).toBe(false);
});
