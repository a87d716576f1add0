import { createHash, randomBytes } from "node:crypto";
import { dirname } from "node:path";
import {
  checkCanLiveMigrateDestination,
  endStorageProof,
  type GuestRequirements,
  liveMigration,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { type DiskToMove, failedChecks, type StorageProof } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";
import { withSourceVolume } from "./source-volume.ts";

const MIB = 1_048_576;
/** In the pool that each simulated host has. */
const IN_POOL = "/var/lib/libvirt/images/config.iso";
/** In no pool. */
const OUTSIDE = "/srv/config-drives/config.iso";

const content = randomBytes(3 * MIB + 2048);

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
  // The folder is on both hosts.
  bed.fleet.putFile("h2", "/srv/config-drives/another.iso", randomBytes(1));
});

afterEach(async () => {
  await bed.close();
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The checksum of a file on a host. */
function fileOn(host: string, path: string): string | undefined {
  const bytes = bed.fleet.readFile(host, path);
  return bytes && sha256(bytes);
}

/** A guest's config drive as its source tells of it. */
function configDrive(path: string, source = "h1"): DiskToMove {
  return {
    ...{ target: "vdz", need: "content", path, format: "raw", reason: "it is a read-only local file" },
    ...{ capacityBytes: content.length, writtenBytes: content.length, contentUri: bed.fleet.host(source).peerUri },
  };
}

async function guestWith(path: string, name = "web") {
  bed.fleet.putFile("h1", path, content);
  const uuid = await bed.addGuest({ name, readOnlyDisk: path });
  const command = bed.startCommand(uuid, name);
  return { uuid, command, prepare: { ...command, sourceHost: "h1", disks: [configDrive(path)] } };
}

const prepare = (request: Parameters<typeof preLiveMigration.request.parse>[0]) =>
  bed.bus.call(preLiveMigration, preLiveMigration.request.parse(request), { server: "h2" });

const rollBack = (command: object) =>
  bed.bus.call(
    rollbackLiveMigrationAtDestination,
    rollbackLiveMigrationAtDestination.request.parse({ ...command, broughtDefinition: "undecided" }),
    { server: "h2" },
  );

async function poolsOf(host: string): Promise<string[]> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  return (await connection.storagePool.listAll()).map(({ name }) => name);
}

async function deleteFile(host: string, path: string): Promise<void> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  await withSourceVolume(connection, path, (volume) => connection.storageVol.delete(volume));
}

async function leavesNothing(path: string) {
  expect(bed.fleet.readFile("h2", path)).toBeUndefined();
  expect(fileOn("h1", path)).toBe(sha256(content));
  expect([await poolsOf("h1"), await poolsOf("h2")]).toEqual([["default"], ["default"]]);
}

describe.each([
  ["in a pool", IN_POOL],
  ["in no pool", OUTSIDE],
])("a read-only disk %s", (_, path) => {
  test("is on the destination with its content before the guest, and goes when it is rolled back before it began", async () => {
    const { command, prepare: request } = await guestWith(path);
    const prepared = await prepare(request);
    expect(prepared.disks).toMatchObject([{ target: "vdz", action: "content", path }]);
    expect(await prepare(request)).toEqual(prepared);
    expect(fileOn("h2", path)).toBe(sha256(content));
    expect([await poolsOf("h1"), await poolsOf("h2")]).toEqual([["default"], ["default"]]);
    await rollBack(command);
    await leavesNothing(path);
    await rollBack(command);
  });

  test("serves from a file that is there and holds the same; that is nobody's to remove", async () => {
    const { command, prepare: request } = await guestWith(path);
    bed.fleet.putFile("h2", path, content);
    expect((await prepare(request)).disks).toMatchObject([{ action: "stays", reason: expect.stringMatching(/same/) }]);
    await rollBack(command);
    expect(fileOn("h2", path)).toBe(sha256(content));
  });

  test("is refused where another file has its place, of its size or not, and that file stays as it is", async () => {
    const { command, prepare: request } = await guestWith(path);
    for (const other of [randomBytes(content.length), randomBytes(9)]) {
      bed.fleet.putFile("h2", path, other);
      await expect(prepare(request)).rejects.toMatchObject({ code: "refused", message: expect.stringContaining(path) });
      expect(fileOn("h2", path)).toBe(sha256(other));
    }
    await rollBack(command);
    expect(bed.fleet.readFile("h2", path)?.length).toBe(9);
    expect([await poolsOf("h1"), await poolsOf("h2")]).toEqual([["default"], ["default"]]);
  });

  test("whose transfer fails leaves nothing, and may be asked for again", async () => {
    const { command, prepare: request } = await guestWith(path);
    const error = LibvirtError.refusal("VIR_ERR_SYSTEM_ERROR", "cannot write to stream: No space left on device");
    bed.fleet.faults.onCall("h2", "storageVolUpload", { kind: "fail-midway", afterBytes: MIB, error });
    await expect(prepare(request)).rejects.toMatchObject({ code: "libvirt" });
    await leavesNothing(path);
    bed.fleet.faults.onCall("h2", "storageVolUpload", { kind: "corrupt" });
    await expect(prepare(request)).rejects.toMatchObject({ code: "internal" });
    await leavesNothing(path);
    await prepare(request);
    await rollBack(command);
    await leavesNothing(path);
  });

  test("whose transfer is rolled back midway is not waited for", async () => {
    const large = Buffer.alloc(128 * MIB, "large");
    const { command, prepare: request } = await guestWith(path);
    bed.fleet.putFile("h1", path, large);
    const preparing = prepare(request).catch((error: unknown) => error);
    while (!bed.fleet.readFile("h2", path)?.length) await new Promise(setImmediate);
    await rollBack({ ...command, generation: command.generation + 1 });
    expect(await preparing).toMatchObject({ code: "refused", message: expect.stringContaining("rolled back") });
    expect(bed.fleet.readFile("h2", path)).toBeUndefined();
    expect([await poolsOf("h1"), await poolsOf("h2")]).toEqual([["default"], ["default"]]);
  });

  test("that two guests have, moved side by side, is brought once; the second can be called off while it waits", async () => {
    const web = await guestWith(path);
    const db = await guestWith(path, "db");
    const large = Buffer.alloc(128 * MIB, "large");
    bed.fleet.putFile("h1", path, large);
    const size = { capacityBytes: large.length, writtenBytes: large.length };
    const requestOf = ({ prepare: request }: typeof web) => ({
      ...request,
      disks: request.disks.map((disk) => ({ ...disk, ...size })),
    });
    const ended: string[] = [];
    const first = prepare(requestOf(web)).finally(() => ended.push("first"));
    while (!bed.fleet.readFile("h2", path)?.length) await new Promise(setImmediate);
    const calledOff = prepare(requestOf(db)).catch((error: unknown) => error);
    // Long enough for its plan, so that it waits for the transfer.
    for (let look = 0; look < 8; look += 1) await poolsOf("h2");
    await rollBack({ ...db.command, generation: db.command.generation + 1 });
    expect(await calledOff).toMatchObject({ code: "refused" });
    expect(ended).toEqual([]);
    const second = prepare({ ...requestOf(db), ...bed.startCommand(db.uuid, "db") }).finally(() =>
      ended.push("second"),
    );
    expect((await first).disks).toMatchObject([{ action: "content" }]);
    expect((await second).disks).toMatchObject([{ action: "stays" }]);
    expect(ended).toEqual(["first", "second"]);
  });

  test.each(["is about to come with", "runs on"])(
    "that another guest %s stays when the one is rolled back with which it came",
    async (uses) => {
      const web = await guestWith(path);
      const db = await guestWith(path, "db");
      await prepare(web.prepare);
      const destination = await prepare(db.prepare);
      if (uses === "runs on") await move({ ...db.command, destination }, "h1", "h2");
      await rollBack(web.command);
      expect(fileOn("h2", path)).toBe(sha256(content));
    },
  );

  test("that was brought goes when the guest leaves for a host to which it is brought again", async () => {
    const { uuid, command, prepare: request } = await guestWith(path);
    await move({ ...command, destination: await prepare(request) }, "h1", "h2");
    await deleteFile("h1", path);
    expect(await moveBack(uuid, path)).toMatchObject([{ action: "content" }]);
    expect(fileOn("h1", path)).toBe(sha256(content));
    expect(bed.fleet.readFile("h2", path)).toBeUndefined();
  });

  test("that was brought stays where it was if its destination finds the same: it may be the same file", async () => {
    const { uuid, command, prepare: request } = await guestWith(path);
    await move({ ...command, destination: await prepare(request) }, "h1", "h2");
    // Somebody mounts one storage on both hosts; what would prove it has been removed when the destination is prepared.
    bed.fleet.shareFolders({ h1: dirname(path), h2: dirname(path) });
    bed.fleet.putFile("h2", path, content);
    const asked = { migrationUuid: uuid, folders: [dirname(path)] };
    const { proofs } = await bed.bus.call(proveStorage, asked, { server: "h2" });
    await bed.bus.cast(endStorageProof, asked, { server: "h2" });
    await waitFor("the proof to be removed", () =>
      bed.fleet.filesIn("h2", dirname(path)).every((name) => !name.includes("proof")),
    );
    const disks = await moveBack(uuid, path, proofs);
    expect(disks).toMatchObject([{ action: "stays", reason: expect.stringMatching(/could not be shown/) }]);
    expect(fileOn("h1", path)).toBe(sha256(content));
  });
});

/** From h2 to h1; gives what h1 has prepared. */
async function moveBack(uuid: string, path: string, proofs: readonly StorageProof[] = []) {
  const back = { ...bed.startCommand(uuid, "web"), destinationHost: "h1" };
  const disks = [{ ...configDrive(path, "h2"), folders: [dirname(path)] }];
  const request = { ...back, sourceHost: "h2", disks, proofs };
  const destination = await bed.bus.call(preLiveMigration, request, { server: "h1" });
  await move({ ...back, destination }, "h2", "h1");
  return destination.disks;
}

async function move(command: ReturnType<AgentBed["startCommand"]>, source: string, destination: string) {
  await bed.bus.cast(liveMigration, command, { server: source });
  const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
  expect(outcome).toMatchObject({ outcome: "arrived" });
  for (const _again of [1, 2]) {
    await bed.bus.call(postLiveMigrationAtDestination, command, { server: destination });
    const left = { ...command, removeRemnant: false, removeCopiedDisks: false };
    await bed.bus.call(postLiveMigration, left, { server: source });
  }
}

test.each<[string, () => { readonly contentUri?: string; readonly sourceLibvirtUri?: string }]>([
  ["its own libvirtd", () => ({ contentUri: bed.fleet.host("h2").uri })],
  [
    "a host that is not the source",
    () => ({ contentUri: bed.fleet.host("h2").peerUri, sourceLibvirtUri: "qemu+tcp://h1/system" }),
  ],
])("the destination's agent does not read a disk's content from %s", async (_, said) => {
  const { prepare: request } = await guestWith(OUTSIDE);
  const { contentUri, ...record } = said();
  const disks = request.disks.map((disk) => ({ ...disk, contentUri }));
  const refusal = {
    code: "refused",
    message: expect.stringMatching(/does not read .* where the agent of its source says/),
  };
  await expect(prepare({ ...request, ...record, disks })).rejects.toMatchObject(refusal);
  expect(bed.fleet.readFile("h2", OUTSIDE)).toBeUndefined();
});

test("a person's pool whose name begins as those of agents do is left running on both hosts", async () => {
  const { command, prepare: request } = await guestWith(OUTSIDE);
  const xml = `<pool type='dir'><name>drover-isos</name><target><path>${dirname(OUTSIDE)}</path></target></pool>`;
  for (const host of ["h1", "h2"]) {
    await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
    await connection.storagePool.createXML(xml);
  }
  await prepare(request);
  await rollBack(command);
  expect([await poolsOf("h1"), await poolsOf("h2")]).toEqual([
    ["default", "drover-isos"],
    ["default", "drover-isos"],
  ]);
});

test("the destination's check looks at the size alone and fetches nothing", async () => {
  const { command, prepare: request } = await guestWith(IN_POOL);
  const requirements: GuestRequirements = {
    ...{
      memoryKiB: 1024,
      vcpus: 1,
      cpuXml: null,
      virtType: "kvm",
      machineType: "pc-q35-7.2",
      hypervisorVersion: 7_002_000,
    },
    ...{ hostUuid: bed.fleet.host("h1").uuid, disks: request.disks },
  };
  const check = async () => {
    const offer = { ...command, sourceHost: "h1", requirements };
    const { checks } = await bed.bus.call(checkCanLiveMigrateDestination, offer, { server: "h2" });
    return failedChecks(checks).filter((failed) => failed.check === "storage");
  };
  expect(await check()).toEqual([]);
  expect(bed.fleet.readFile("h2", IN_POOL)).toBeUndefined();
  bed.fleet.putFile("h2", IN_POOL, randomBytes(content.length));
  expect(await check()).toEqual([]);
  bed.fleet.putFile("h2", IN_POOL, randomBytes(9));
  expect(await check()).toMatchObject([{ message: expect.stringMatching(/another file/) }]);
});
