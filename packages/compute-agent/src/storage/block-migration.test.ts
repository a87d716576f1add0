import { randomBytes } from "node:crypto";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigration,
  liveMigrationAbort,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { failedChecks } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";

/** In the pool that each simulated host has. */
const IN_POOL = "/var/lib/libvirt/images/web.raw";
/** In no pool. */
const OUTSIDE = "/srv/guests/web.raw";

const content = randomBytes(2 * 1_048_576);
const onSource = { server: "h1" };
const onDestination = { server: "h2" };

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
  // A folder of that name is on the destination, too.
  bed.fleet.putFile("h2", "/srv/guests/another.raw", randomBytes(1));
});

afterEach(async () => {
  await bed.close();
});

/** A guest with that file for a disk, and what its source tells of it. */
async function guestWithDisk(path: string) {
  bed.fleet.putFile("h1", path, content);
  const uuid = await bed.addGuest({ name: "web", localDisks: [path] });
  const command = bed.startCommand(uuid, "web");
  const answer = await bed.bus.call(checkCanLiveMigrateSource, { ...command, blockMigration: null }, onSource);
  expect(failedChecks(answer.checks)).toEqual([]);
  if (answer.requirements === null) throw new Error("the guest is here");
  const { requirements } = answer;
  const prepare = { ...command, sourceHost: "h1", disks: requirements.disks };
  return { uuid, command, requirements, prepare };
}

async function poolsOf(host: string): Promise<string[]> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  return (await connection.storagePool.listAll()).map(({ name }) => name);
}

const outcomeOf = ({ migrationUuid }: { readonly migrationUuid: string }) =>
  waitFor("the outcome", () => bed.conductor.outcome(migrationUuid));

describe.each([
  ["in a pool", IN_POOL],
  ["in no pool", OUTSIDE],
])("a local disk %s", (_, path) => {
  test("is copied, and deleted where it was once the guest is settled; all of it may be repeated", async () => {
    const { command, requirements, prepare } = await guestWithDisk(path);
    expect(requirements.disks).toMatchObject([
      { target: "vda", need: "stays" },
      { target: "vdb", need: "copy", path, format: "raw", capacityBytes: content.length },
    ]);
    const offer = { ...command, sourceHost: "h1", requirements };
    const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, onDestination);
    expect(failedChecks(there.checks)).toEqual([]);
    expect(bed.fleet.readFile("h2", path)).toBeUndefined();

    const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
    expect(await bed.bus.call(preLiveMigration, prepare, onDestination)).toEqual(destination);
    expect(destination.disks?.map(({ target, action }) => `${target} ${action}`)).toEqual(["vda stays", "vdb copy"]);
    expect(await poolsOf("h2")).toEqual(["default"]);
    await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "arrived", progress: { diskTotalBytes: content.length } });
    expect(bed.fleet.readFile("h1", path)).toEqual(content);
    for (const _again of [1, 2]) {
      await bed.bus.call(postLiveMigrationAtDestination, command, onDestination);
      const left = { ...command, removeRemnant: false, removeCopiedDisks: true };
      await bed.bus.call(postLiveMigration, left, onSource);
    }
    expect(bed.fleet.readFile("h2", path)).toEqual(content);
    expect(bed.fleet.readFile("h1", path)).toBeUndefined();
    expect(await poolsOf("h1")).toEqual(["default"]);
    expect(await poolsOf("h2")).toEqual(["default"]);
  });

  test("in whose place something is on the destination is refused, and that stays as it is", async () => {
    const { command, requirements, prepare } = await guestWithDisk(path);
    const stale = randomBytes(10);
    bed.fleet.putFile("h2", path, stale);
    const offer = { ...command, sourceHost: "h1", requirements };
    const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, onDestination);
    expect(failedChecks(there.checks)).toMatchObject([{ check: "storage", message: expect.stringContaining(path) }]);
    const refusal = { code: "refused", message: expect.stringContaining("never lands on something") };
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject(refusal);
    const rollback = { ...command, removeRemnant: false, broughtDefinition: "remove" } as const;
    await bed.bus.call(rollbackLiveMigrationAtDestination, rollback, onDestination);
    expect(bed.fleet.readFile("h2", path)).toEqual(stale);
    expect(await poolsOf("h2")).toEqual(["default"]);
  });
});

describe("a copy that does not arrive", () => {
  /** Calls the copy off when a part of the disk is on the destination. */
  async function abortedHalfway() {
    const { command, prepare } = await guestWithDisk(IN_POOL);
    const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 4);
    await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
    await waitFor("a part of the disk to be there", () =>
      bed.fleet.readFile("h2", IN_POOL)?.subarray(0, 1_048_576).equals(content.subarray(0, 1_048_576)),
    );
    const abort = { ...command, generation: command.generation + 1 };
    await bed.bus.cast(liveMigrationAbort, abort, onSource);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    return { ...command, generation: command.generation + 2 };
  }

  test("leaves nothing once another host is known to have the guest", async () => {
    const command = await abortedHalfway();
    const rollback = { ...command, removeRemnant: false } as const;
    // The source does not answer: what was copied may be all there is.
    const undecided = { ...rollback, broughtDefinition: "undecided" } as const;
    await expect(bed.bus.call(rollbackLiveMigrationAtDestination, undecided, onDestination)).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(bed.fleet.readFile("h2", IN_POOL)).toBeDefined();
    for (const _again of [1, 2]) {
      const decided = { ...rollback, broughtDefinition: "remove" } as const;
      await bed.bus.call(rollbackLiveMigrationAtDestination, decided, onDestination);
      await bed.bus.call(rollbackLiveMigration, { ...command, stayed: false, mayResume: true }, onSource);
    }
    expect(bed.fleet.readFile("h2", IN_POOL)).toBeUndefined();
    expect(bed.fleet.readFile("h1", IN_POOL)).toEqual(content);
  });

  test("stays where no other host has the guest", async () => {
    const command = await abortedHalfway();
    const rollback = { ...command, removeRemnant: false, broughtDefinition: "keep" } as const;
    await bed.bus.call(rollbackLiveMigrationAtDestination, rollback, onDestination);
    expect(bed.fleet.readFile("h2", IN_POOL)).toBeDefined();
  });
});

test("what was made for a copy that never began goes without anybody's word", async () => {
  const { command, prepare } = await guestWithDisk(OUTSIDE);
  await bed.bus.call(preLiveMigration, prepare, onDestination);
  expect(bed.fleet.readFile("h2", OUTSIDE)).toBeDefined();
  const rollback = { ...command, removeRemnant: false, broughtDefinition: "undecided" } as const;
  await bed.bus.call(rollbackLiveMigrationAtDestination, rollback, onDestination);
  expect(bed.fleet.readFile("h2", OUTSIDE)).toBeUndefined();
});

test("a preparation whose volume was made, and whose answer was lost, is taken up again", async () => {
  const { prepare } = await guestWithDisk(IN_POOL);
  bed.fleet.faults.onCall("h2", "storageVolCreateXML", { kind: "drop-mid-frame" });
  await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({
    code: expect.stringMatching(/outcome-unknown|unavailable/),
  });
  expect(bed.fleet.readFile("h2", IN_POOL)).toBeDefined();
  await waitFor("libvirtd to be reached again", () =>
    bed.bus.call(preLiveMigration, prepare, onDestination).then(
      ({ disks }) => disks?.some(({ action }) => action === "copy"),
      () => null,
    ),
  );
});

test("a volume that libvirt refuses to make is not ours to remove", async () => {
  const { command, prepare } = await guestWithDisk(IN_POOL);
  const error = LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: no volume today");
  bed.fleet.faults.onCall("h2", "storageVolCreateXML", { kind: "refuse", error });
  await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "libvirt" });
  // Somebody makes a file there meanwhile.
  bed.fleet.putFile("h2", IN_POOL, Buffer.alloc(content.length));
  const rollback = { ...command, removeRemnant: false, broughtDefinition: "remove" } as const;
  await bed.bus.call(rollbackLiveMigrationAtDestination, rollback, onDestination);
  expect(bed.fleet.readFile("h2", IN_POOL)).toBeDefined();
});

test("a copy that the destination was not prepared for is not started", async () => {
  const { command } = await guestWithDisk(IN_POOL);
  await bed.bus.cast(liveMigration, command, onSource);
  const outcome = await outcomeOf(command);
  expect(outcome).toMatchObject({ outcome: "stayed", cause: "never-started", error: { code: "refused" } });
  expect(outcome.error?.message).toContain("vdb");
});

test("a disk that another guest uses, too, is not deleted where it was", async () => {
  const { command, prepare } = await guestWithDisk(IN_POOL);
  const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
  await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
  await outcomeOf(command);
  await bed.addGuest({ name: "heir", localDisks: [IN_POOL], running: false });
  await bed.bus.call(postLiveMigration, { ...command, removeRemnant: false, removeCopiedDisks: true }, onSource);
  expect(bed.fleet.readFile("h1", IN_POOL)).toEqual(content);
});

/** The agent is away at the copy's end, and cannot tell afterwards how it ended. */
async function movedUnseen() {
  const { command, prepare } = await guestWithDisk(IN_POOL);
  const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
  bed.fleet.faults.setLinkBandwidth("h1", "h2", 5);
  await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
  await waitFor("the copy to begin", () => bed.conductor.eventNames(command.migrationUuid).includes("started"));
  await bed.stopAgent("h1");
  bed.fleet.faults.setLinkBandwidth("h1", "h2", 1_000);
  await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
  await waitFor("the guest to have left", async () => (await connection.domain.listAll()).length === 0);
  await bed.startAgent("h1");
  expect(await outcomeOf(command)).toMatchObject({ outcome: "unknown" });
  return { ...command, removeRemnant: false, removeCopiedDisks: true };
}

test("where the source's libvirt did not say that the guest arrived, the destination's says that its disks are whole", async () => {
  const command = await movedUnseen();
  const { runsByMigration } = await bed.bus.call(postLiveMigrationAtDestination, command, onDestination);
  expect(runsByMigration).toBe(true);
  await bed.bus.call(postLiveMigration, { ...command, copiesAreWhole: runsByMigration }, onSource);
  expect(bed.fleet.readFile("h1", IN_POOL)).toBeUndefined();
  expect(bed.fleet.readFile("h2", IN_POOL)).toEqual(content);
});

test("where neither says so, as of a guest that a person has resumed, its disk is not deleted where it was", async () => {
  const command = await movedUnseen();
  await using there = await LibvirtConnection.open(bed.fleet.host("h2").uri);
  const guest = await there.domain.lookupByUUID(command.serverUuid);
  await there.domain.suspend(guest);
  await there.domain.resume(guest);
  const { runsByMigration } = await bed.bus.call(postLiveMigrationAtDestination, command, onDestination);
  expect(runsByMigration).toBe(false);
  await bed.bus.call(postLiveMigration, { ...command, copiesAreWhole: runsByMigration }, onSource);
  expect(bed.fleet.readFile("h1", IN_POOL)).toEqual(content);
  expect(bed.fleet.readFile("h2", IN_POOL)).toEqual(content);
});
