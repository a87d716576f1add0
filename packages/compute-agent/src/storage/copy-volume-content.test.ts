import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtError, LibvirtHost } from "@drover/libvirt";
import { type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { silentLogger } from "@drover/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ContentCopy, copyVolumeContent } from "./copy-volume-content.ts";

const MIB = 1_048_576;
const SOURCE_PATH = "/srv/config-drives/web.iso";
const TARGET_PATH = "/var/lib/libvirt/images/web.iso";
const options = { logger: silentLogger };

/** Bytes that repeat nowhere near, so that a lost, doubled or swapped piece shows. */
function content(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) bytes.writeUInt32BE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const refusal = () => LibvirtError.refusal("VIR_ERR_SYSTEM_ERROR", "cannot write to stream: No space left on device");

describe("copying a file's content to another host", () => {
  let directory: string;
  let fleet: RunningFleet;
  let here: LibvirtHost;
  let copy: ContentCopy;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "drover-content-"));
    fleet = await startSimulatedFleet({ directory, hosts: [{ name: "source" }, { name: "here" }] });
    here = await LibvirtHost.open(fleet.host("here").uri);
    const pool = await here.control.storagePool.lookupByName("default");
    copy = { sourceUri: fleet.host("source").uri, sourcePath: SOURCE_PATH, pool, name: "web.iso" };
  });
  afterEach(async () => {
    await here.close();
    await fleet.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Nothing of the copy is on either host, and no pool is left. */
  async function leavesNothing() {
    expect(fleet.readFile("here", TARGET_PATH)).toBeUndefined();
    expect(await poolsOn("source")).toEqual(["default"]);
  }

  async function poolsOn(host: string): Promise<string[]> {
    await using connection = await LibvirtHost.open(fleet.host(host).uri);
    return (await connection.control.storagePool.listAll()).map(({ name }) => name);
  }

  test.each([
    ["nothing", 0],
    ["a byte", 1],
    ["one that ends inside a block", 5 * MIB + 12_345],
  ])(
    "%s arrives whole, with its length and checksum, and the pool made for it at the source is gone",
    async (_, size) => {
      const bytes = content(size);
      fleet.putFile("source", SOURCE_PATH, bytes);
      expect(await copyVolumeContent(here, copy, options)).toEqual({
        volume: { pool: "default", name: "web.iso", key: TARGET_PATH },
        sizeBytes: size,
        sha256: sha256(bytes),
      });
      expect(sha256(fleet.readFile("here", TARGET_PATH) ?? content(1))).toBe(sha256(bytes));
      expect(await poolsOn("source")).toEqual(["default"]);
    },
  );

  test("a file of a pool that does not know it yet is found there, and the pool stays", async () => {
    const sourcePath = "/var/lib/libvirt/images/new.iso";
    fleet.putFile("source", sourcePath, content(10));
    expect(await copyVolumeContent(here, { ...copy, sourcePath }, options)).toMatchObject({ sizeBytes: 10 });
    expect(await poolsOn("source")).toEqual(["default"]);
  });

  test("several files of one folder at the same time share the pool made for them, and it is gone after all of them", async () => {
    const names = ["a.iso", "b.iso", "c.iso", "d.iso"];
    for (const name of names) fleet.putFile("source", `/srv/config-drives/${name}`, content(MIB));
    const copies = names.map((name) => ({ ...copy, sourcePath: `/srv/config-drives/${name}`, name }));
    const done = await Promise.all(copies.map((one) => copyVolumeContent(here, one, options)));
    expect(done.map(({ sizeBytes }) => sizeBytes)).toEqual(names.map(() => MIB));
    expect(await poolsOn("source")).toEqual(["default"]);
  });

  test("a file that is not there is the source's refusal, and nothing is made here", async () => {
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({
      code: "libvirt",
      details: { libvirtCodeName: "VIR_ERR_SYSTEM_ERROR" },
    });
    fleet.putFile("source", "/srv/config-drives/other.iso", content(1));
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({
      code: "libvirt",
      message: expect.stringMatching(/copying .*web\.iso from .*source.sock/),
      details: { libvirtCodeName: "VIR_ERR_NO_STORAGE_VOL" },
    });
    await leavesNothing();
  });

  test("a file that is in the way here is left alone, known to its pool or not", async () => {
    fleet.putFile("source", SOURCE_PATH, content(MIB));
    fleet.putFile("here", TARGET_PATH, content(3));
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({ code: "refused" });
    await here.control.storagePool.refresh(copy.pool);
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({ code: "refused" });
    expect(fleet.readFile("here", TARGET_PATH)).toEqual(content(3));
  });

  test("a volume that holds something else than was sent names both checksums and is removed", async () => {
    const bytes = content(MIB);
    fleet.putFile("source", SOURCE_PATH, bytes);
    fleet.faults.onCall("here", "storageVolUpload", { kind: "corrupt" });
    const flipped = Buffer.from(bytes);
    flipped[0] = 1;
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({
      code: "internal",
      details: { sentSha256: sha256(bytes), storedSha256: sha256(flipped) },
      cause: { message: expect.stringContaining(sha256(flipped)) },
    });
    await leavesNothing();
  });

  test.each([
    [
      "the source fails midway",
      "source",
      "storageVolDownload",
      { kind: "fail-midway", afterBytes: MIB, error: refusal() },
    ],
    [
      "this host's disk is full midway",
      "here",
      "storageVolUpload",
      { kind: "fail-midway", afterBytes: MIB, error: refusal() },
    ],
    ["this host refuses the upload", "here", "storageVolUpload", { kind: "refuse", error: refusal() }],
    [
      "it cannot be read back",
      "here",
      "storageVolDownload",
      { kind: "fail-midway", afterBytes: MIB, error: refusal() },
    ],
  ] as const)("if %s, the half-written volume is removed", async (_, host, procedure, fault) => {
    fleet.putFile("source", SOURCE_PATH, content(4 * MIB));
    fleet.faults.onCall(host, procedure, fault);
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({
      code: "libvirt",
      details: { libvirtCodeName: "VIR_ERR_SYSTEM_ERROR" },
    });
    await leavesNothing();
  });

  test("a source that cannot be reached is unavailable, and nothing is made here", async () => {
    fleet.faults.libvirtdDown("source");
    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({ code: "unavailable" });
    expect(fleet.readFile("here", TARGET_PATH)).toBeUndefined();
  });

  test("a source that dies midway leaves nothing here", async () => {
    fleet.putFile("source", SOURCE_PATH, content(64 * MIB));
    const copying = copyVolumeContent(here, copy, options).catch((error: unknown) => error);
    while (!fleet.readFile("here", TARGET_PATH)?.length) await new Promise(setImmediate);
    fleet.faults.libvirtdDown("source");
    expect(await copying).toMatchObject({ code: "unavailable" });
    expect(fleet.readFile("here", TARGET_PATH)).toBeUndefined();
  });

  test("an abort midway rejects with its reason and leaves nothing on either host", async () => {
    fleet.putFile("source", SOURCE_PATH, content(64 * MIB));
    const stop = new AbortController();
    const copying = copyVolumeContent(here, copy, { ...options, signal: stop.signal }).catch((error: unknown) => error);
    while (!fleet.readFile("here", TARGET_PATH)?.length) await new Promise(setImmediate);
    stop.abort(new Error("rolled back"));
    expect(await copying).toMatchObject({ message: "rolled back" });
    await leavesNothing();
    await expect(copyVolumeContent(here, copy, { ...options, signal: stop.signal })).rejects.toThrow("rolled back");
  });
});
