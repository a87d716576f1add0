import { randomBytes } from "node:crypto";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  endStorageProof,
  liveMigration,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { failedChecks } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";

const FOLDER = "/srv/guests";
const DISK = "/srv/guests/web.raw";
const LOCAL = "/var/lib/libvirt/images/web.raw";
const onSource = { server: "h1" };
const onDestination = { server: "h2" };
const content = randomBytes(300_000);

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
});

afterEach(async () => {
  await bed.close();
});

interface Asked {
  readonly disks?: readonly string[];
  readonly blockMigration?: boolean | null;
}

/** A guest with these disks, and what both hosts say of its move, asked as a conductor asks. */
async function asked({ disks = [DISK], blockMigration = null }: Asked = {}) {
  const uuid = await bed.addGuest({ name: "web", localDisks: disks });
  const command = bed.startCommand(uuid, "web");
  const { migrationUuid } = command;
  const question = { ...command, blockMigration, storageIsProved: true };
  const source = await bed.bus.call(checkCanLiveMigrateSource, question, onSource);
  if (source.requirements === null) throw new Error("the guest is here");
  const folders = [...new Set(source.requirements.disks.flatMap((disk) => disk.folders ?? []))];
  const { proofs } = await bed.bus.call(proveStorage, { migrationUuid, folders }, onSource);
  const requirements = { ...source.requirements, proofs };
  const offer = { ...command, sourceHost: "h1", requirements, blockMigration };
  const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, onDestination);
  const failed = failedChecks([...source.checks, ...there.checks]);
  const prepare = { ...command, sourceHost: "h1", disks: requirements.disks, proofs, blockMigration };
  return { uuid, command, requirements, proofs, offer, prepare, failed };
}

/** Moves it, once it may, and settles it. */
async function move({ command, prepare }: Pick<Awaited<ReturnType<typeof asked>>, "command" | "prepare">) {
  const destination = await bed.bus.call(preLiveMigration, prepare, onDestination);
  await bed.bus.cast(endStorageProof, command, onSource);
  await bed.bus.cast(liveMigration, { ...command, destination }, onSource);
  const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
  await bed.bus.call(postLiveMigrationAtDestination, command, onDestination);
  const left = { ...command, removeRemnant: false, removeCopiedDisks: true };
  await bed.bus.call(postLiveMigration, left, onSource);
  const names = outcome.flags?.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)) ?? [];
  return { outcome, destination, names };
}

async function nothingIsLeft(): Promise<void> {
  await proofsGone("h1");
  for (const host of ["h1", "h2"]) {
    const files = [...bed.fleet.filesIn(host, FOLDER), ...bed.fleet.filesIn(host, "/var/lib/libvirt/images")];
    expect(files.filter((path) => path.includes("proof"))).toEqual([]);
    await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
    // The pool over a folder is stopped after the last file in it is deleted.
    await vi.waitFor(async () => {
      expect((await connection.storagePool.listAll()).map(({ name }) => name)).toEqual(["default"]);
    }, 30_000);
  }
}

const proofsGone = (host: string, folder = FOLDER) =>
  waitFor("the proof to be gone", () => !bed.fleet.filesIn(host, folder).some((path) => path.includes("proof")));

describe("shared storage", () => {
  beforeEach(() => {
    bed.fleet.shareFolders({ h1: FOLDER, h2: FOLDER });
    bed.fleet.putFile("h1", DISK, content);
  });

  test("a disk on it stays where it is, and is still there when its guest has moved", async () => {
    const question = await asked();
    expect(question.failed).toEqual([]);
    const { outcome, destination, names } = await move(question);
    expect(outcome).toMatchObject({ outcome: "arrived" });
    expect(destination.disks).toMatchObject([{ target: "vda" }, { target: "vdb", action: "stays", path: DISK }]);
    expect(destination.disks?.[1]?.reason).toContain("h2 sees the same storage");
    expect(names).not.toContain("VIR_MIGRATE_NON_SHARED_DISK");
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
    await nothingIsLeft();
  });

  test("of a guest with a local disk, too, that one alone is copied and deleted", async () => {
    bed.fleet.putFile("h1", LOCAL, content);
    const question = await asked({ disks: [DISK, LOCAL] });
    expect(question.failed).toEqual([]);
    const { outcome, names } = await move(question);
    expect(outcome).toMatchObject({ outcome: "arrived", progress: { diskTotalBytes: content.length } });
    expect(names).toEqual(expect.arrayContaining(["VIR_MIGRATE_NON_SHARED_DISK", "migrate_disks=vdc"]));
    expect(bed.fleet.readFile("h1", LOCAL)).toBeUndefined();
    expect(bed.fleet.readFile("h2", LOCAL)).toEqual(content);
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
    await nothingIsLeft();
  });

  test.each([
    [true, /block_migration true.*sees the same storage/],
    [false, undefined],
  ])("block_migration %s", async (blockMigration, problem) => {
    const { failed, prepare } = await asked({ blockMigration });
    if (problem === undefined) return expect(failed).toEqual([]);
    expect(failed).toMatchObject([{ check: "block-migration", message: expect.stringMatching(problem) }]);
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "refused" });
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
  });

  test("has no proof left in it, though another host's agent stops the folder's pool meanwhile", async () => {
    const { command, failed } = await asked();
    expect(failed).toEqual([]);
    const gone = LibvirtError.refusal("VIR_ERR_NO_STORAGE_POOL", "Storage pool not found: no storage pool");
    bed.fleet.faults.onCall("h1", "storageVolLookupByName", { kind: "refuse", error: gone });
    await bed.bus.cast(endStorageProof, command, onSource);
    await proofsGone("h1");
  });

  test("is no longer proved once the proof has ended: then the disk is a file in the way", async () => {
    const { command, prepare, failed } = await asked();
    expect(failed).toEqual([]);
    await bed.bus.cast(endStorageProof, command, onSource);
    await proofsGone("h1");
    const refusal = { code: "refused", message: expect.stringContaining("a copy never lands on something") };
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject(refusal);
    await bed.bus.call(
      rollbackLiveMigrationAtDestination,
      { ...command, broughtDefinition: "remove", removeRemnant: false },
      onDestination,
    );
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
    await nothingIsLeft();
  });

  test("that libvirt does not know as shared is refused before anything is begun", async () => {
    bed.fleet.shareFolders({ h1: FOLDER, h2: FOLDER }, { knownAsShared: false });
    bed.fleet.putFile("h1", DISK, content);
    const { failed, prepare } = await asked();
    expect(failed).toMatchObject([
      { check: "storage", message: expect.stringMatching(/Unsafe migration.*shared_filesystems/) },
    ]);
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "refused" });
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
  });

  test("on which the destination does not see the disk's file is refused, and nothing is made behind its path", async () => {
    bed.fleet.putOwnFile("h1", DISK, content);
    bed.fleet.shareFolders({ h1: FOLDER, h2: FOLDER });
    const { failed, prepare } = await asked();
    expect(failed).toMatchObject([
      { check: "storage", message: expect.stringMatching(/sees the same storage.*no such file in it/) },
    ]);
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "refused" });
    expect(bed.fleet.readFile("h2", DISK)).toBeUndefined();
  });

  test("where the source can make no volume proves nothing", async () => {
    const error = LibvirtError.refusal("VIR_ERR_SYSTEM_ERROR", "cannot create path: Read-only file system");
    bed.fleet.faults.onCall("h1", "storageVolCreateXML", { kind: "refuse", error });
    const { failed, proofs } = await asked();
    expect(proofs).toEqual([]);
    expect(failed).toMatchObject([{ check: "storage", message: expect.stringContaining("may write to its folder") }]);
  });

  test("an agent that died between its proof and the end of it removes the volume when it is back", async () => {
    const { command } = await asked();
    expect(bed.fleet.filesIn("h1", FOLDER).filter((path) => path.includes("proof"))).toHaveLength(1);
    await bed.stopAgent("h1");
    expect(bed.fleet.filesIn("h1", FOLDER).filter((path) => path.includes("proof"))).toHaveLength(1);
    await bed.startAgent("h1");
    await proofsGone("h1");
    await bed.bus.cast(endStorageProof, command, onSource);
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
  });

  test("asked for once more, the proofs of a migration are others, and the first are gone", async () => {
    const { command, proofs } = await asked();
    const again = await bed.bus.call(proveStorage, { ...command, folders: [FOLDER] }, onSource);
    expect(again.proofs).toHaveLength(1);
    expect(again.proofs[0]?.name).not.toBe(proofs[0]?.name);
    expect(bed.fleet.filesIn("h1", FOLDER).filter((path) => path.includes("proof"))).toEqual([
      `${FOLDER}/${again.proofs[0]?.name}`,
    ]);
  });
});

describe("an equal path on different storage", () => {
  test("is copied", async () => {
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h2", `${FOLDER}/another.raw`, content);
    const question = await asked();
    expect(question.failed).toEqual([]);
    const { outcome, destination } = await move(question);
    expect(outcome).toMatchObject({ outcome: "arrived" });
    expect(destination.disks).toMatchObject([{}, { target: "vdb", action: "copy" }]);
    expect(bed.fleet.readFile("h1", DISK)).toBeUndefined();
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
    await nothingIsLeft();
  });

  test("with the same file under it is refused, and both files stay as they are", async () => {
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h2", DISK, content);
    const { failed, prepare } = await asked();
    expect(failed).toMatchObject([
      { check: "storage", message: expect.stringMatching(/not shown to see the same.*leftover/) },
    ]);
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "refused" });
    expect(bed.fleet.readFile("h1", DISK)).toEqual(content);
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
  });

  test("a volume of the proof's name with other content proves nothing", async () => {
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h2", DISK, content);
    const { proofs, offer } = await asked();
    const [proof] = proofs;
    if (proof === undefined) throw new Error("the source proves its folder");
    for (const size of [proof.content.length / 2, 1]) {
      bed.fleet.putFile("h2", `${FOLDER}/${proof.name}`, randomBytes(size));
      const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, onDestination);
      expect(failedChecks(there.checks)).toMatchObject([{ check: "storage" }]);
    }
  });

  test("block_migration false is refused", async () => {
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h2", `${FOLDER}/another.raw`, content);
    const { failed, prepare } = await asked({ blockMigration: false });
    expect(failed).toMatchObject([
      { check: "block-migration", message: expect.stringMatching(/vdb.*block_migration is false/) },
    ]);
    await expect(bed.bus.call(preLiveMigration, prepare, onDestination)).rejects.toMatchObject({ code: "refused" });
    expect(bed.fleet.readFile("h2", DISK)).toBeUndefined();
  });
});

describe("shared storage under two paths", () => {
  test("is copied beside, and never onto the file that is read", async () => {
    bed.fleet.shareFolders({ h1: FOLDER, h2: "/mnt/guests" });
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h2", `${FOLDER}/another.raw`, content);
    const question = await asked();
    expect(question.failed).toEqual([]);
    const { outcome, destination } = await move(question);
    expect(outcome).toMatchObject({ outcome: "arrived" });
    expect(destination.disks).toMatchObject([{}, { target: "vdb", action: "copy" }]);
    expect(bed.fleet.readFile("h2", DISK)).toEqual(content);
    // The file that was read, of which the destination has the same storage elsewhere, is the one that is deleted.
    expect(bed.fleet.readFile("h2", "/mnt/guests/web.raw")).toBeUndefined();
  });

  test("whose other path is that of the disk is found out, and refused", async () => {
    // The destination has the storage there, but one folder deeper: what it sees under the path is another file.
    bed.fleet.shareFolders({ h1: "/srv", h2: FOLDER });
    bed.fleet.putFile("h1", DISK, content);
    bed.fleet.putFile("h1", "/srv/web.raw", content);
    const { failed } = await asked();
    expect(failed).toMatchObject([
      { check: "storage", message: expect.stringContaining("a copy never lands on something") },
    ]);
    expect(bed.fleet.readFile("h1", "/srv/web.raw")).toEqual(content);
  });
});
