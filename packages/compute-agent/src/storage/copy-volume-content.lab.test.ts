import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LibvirtHost, VIR_STORAGE_POOL_CREATE } from "@drover/libvirt";
import { silentLogger } from "@drover/model";
import { type Lab, type LabHost, startLab } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyVolumeContent } from "./copy-volume-content.ts";

const MIB = 1_048_576;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("between two real libvirtd", () => {
  let lab: Lab;
  let source: LabHost;
  let destination: LabHost;
  let here: LibvirtHost;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    const [first, second] = lab.hosts;
    if (first === undefined || second === undefined) throw new Error("the lab has fewer hosts than asked for");
    [source, destination] = [first, second];
    here = await LibvirtHost.open(destination.uri);
  });
  afterAll(async () => {
    await here?.close();
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
  });

  test("a file arrives bit for bit, what cannot arrive leaves nothing, and the source keeps what it has", async () => {
    const folder = join(source.folders.state, "drives");
    await mkdir(folder);
    const bytes = randomBytes(5 * MIB + 12_345);
    await writeFile(join(folder, "web.iso"), bytes);
    const target = join(destination.folders.state, "content");
    const build = VIR_STORAGE_POOL_CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD;
    const pool = await here.control.storagePool.createXML(
      "<pool type='dir'><name>content</name><target><path>/var/lib/libvirt/content</path></target></pool>",
      build,
    );
    const copy = { sourceUri: source.tcpUri, sourcePath: "/var/lib/libvirt/drives/web.iso", pool, name: "web.iso" };
    const options = { logger: silentLogger };

    expect(await copyVolumeContent(here, copy, options)).toEqual({
      volume: { pool: "content", name: "web.iso", key: "/var/lib/libvirt/content/web.iso" },
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    });
    expect(sha256(await readFile(join(target, "web.iso")))).toBe(sha256(bytes));

    await expect(copyVolumeContent(here, copy, options)).rejects.toMatchObject({ code: "refused" });
    await writeFile(join(target, "unknown.iso"), "in the way");
    await expect(copyVolumeContent(here, { ...copy, name: "unknown.iso" }, options)).rejects.toMatchObject({
      code: "refused",
    });
    const gone = { ...copy, sourcePath: "/var/lib/libvirt/drives/gone.iso", name: "gone.iso" };
    await expect(copyVolumeContent(here, gone, options)).rejects.toMatchObject({
      details: { libvirtCodeName: "VIR_ERR_NO_STORAGE_VOL" },
    });

    await writeFile(join(folder, "large.img"), Buffer.alloc(256 * MIB, "large "));
    const stop = new AbortController();
    const large = { ...copy, sourcePath: "/var/lib/libvirt/drives/large.img", name: "large.img" };
    const copying = copyVolumeContent(here, large, { ...options, signal: stop.signal }).catch(
      (error: unknown) => error,
    );
    while (!(await readdir(target)).includes("large.img")) await new Promise(setImmediate);
    stop.abort(new Error("rolled back"));
    expect(await copying).toMatchObject({ message: "rolled back" });

    expect((await readdir(target)).sort()).toEqual(["unknown.iso", "web.iso"]);
    expect((await readdir(folder)).sort()).toEqual(["large.img", "web.iso"]);
    expect(await source.virsh("pool-list", "--all", "--name")).toBe("");
    await here.control.storagePool.destroy(pool);
  });

  test("a gibibyte with three mebibytes in it crosses as three mebibytes, and takes no more room than there", async () => {
    const folder = join(source.folders.state, "sparse");
    await mkdir(folder);
    const file = await open(join(folder, "data.img"), "w");
    await file.truncate(1024 * MIB);
    // More extents than libvirtd takes requests at a time (max_client_requests, 5).
    for (let at = 0; at < 12; at += 1) await file.write(randomBytes(MIB / 4), 0, MIB / 4, at * 85 * MIB);
    await file.close();
    const build = VIR_STORAGE_POOL_CREATE.VIR_STORAGE_POOL_CREATE_WITH_BUILD;
    const pool = await here.control.storagePool.createXML(
      "<pool type='dir'><name>sparse</name><target><path>/var/lib/libvirt/sparse</path></target></pool>",
      build,
    );
    const copy = { sourceUri: source.tcpUri, sourcePath: "/var/lib/libvirt/sparse/data.img", pool, name: "data.img" };
    const before = await source.networkBytes("management");
    const { sizeBytes } = await copyVolumeContent(here, copy, { logger: silentLogger });
    const crossedBytes = (await source.networkBytes("management")) - before;
    expect(sizeBytes).toBe(1024 * MIB);
    expect(crossedBytes).toBeGreaterThan(3 * MIB);
    expect(crossedBytes).toBeLessThan(4 * MIB);
    const { blocks } = await stat(join(destination.folders.state, "sparse", "data.img"));
    expect(blocks * 512).toBeLessThan(4 * MIB);
    await here.control.storagePool.destroy(pool);
  });
});
