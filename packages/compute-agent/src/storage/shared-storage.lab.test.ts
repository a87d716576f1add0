import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  endStorageProof,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { failedChecks } from "@drover/model";
import { type LabGuest, type LabHost, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentLab, startAgentLab } from "../agent-lab.test.support.ts";

/** As guests see it. */
const FOLDER = "/var/lib/libvirt/shared";
const DISK_MIB = 16;

describe("storage that two real hosts share, or seem to", { timeout: 120_000 }, () => {
  let agents: AgentLab;
  /** What is behind the folder where it is shared, as the root mount namespace sees it. */
  let store: string;

  beforeAll(async () => {
    store = await mkdtemp(join(tmpdir(), "drover-shared-"));
    agents = await startAgentLab();
  });

  afterAll(async () => {
    expect(await agents.close()).toEqual([]);
    await rm(store, { recursive: true });
  });

  /** Has each host see a folder of the root mount namespace under a path of its own while `work` runs. */
  async function withMounts(mounts: readonly [host: LabHost, from: string, at: string][], work: () => Promise<void>) {
    for (const [host, from, at] of mounts) {
      await Promise.all([mkdir(from, { recursive: true }), host.exec("mkdir", ["-p", at])]);
      await host.exec("mount", ["--bind", from, at]);
    }
    try {
      await work();
    } finally {
      for (const [host, , at] of mounts) await host.exec("umount", ["--lazy", at]);
    }
  }

  async function guestWithDisk(name: string): Promise<LabGuest> {
    const path = `${FOLDER}/${name}.raw`;
    await agents.source.exec("sh", ["-c", `head -c ${DISK_MIB}M /dev/urandom > ${path}`]);
    const devicesXml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='${path}'/><target dev='vda' bus='virtio'/></disk>`;
    return await agents.source.startGuest({ name, devicesXml });
  }

  /** Both hosts' answers, asked as a conductor asks, and what the destination is to prepare. */
  async function ask(guest: LabGuest) {
    const { bus, source, destination } = agents;
    const command = agents.commandFor(guest);
    const question = { ...command, blockMigration: null, storageIsProved: true };
    const leaving = await bus.call(checkCanLiveMigrateSource, question, { server: source.name });
    if (leaving.requirements === null) throw new Error("a guest that is here has requirements");
    const folders = [...new Set(leaving.requirements.disks.flatMap((disk) => disk.folders ?? []))];
    const { proofs } = await bus.call(proveStorage, { ...command, folders }, { server: source.name });
    const requirements = { ...leaving.requirements, proofs };
    const offer = { ...command, sourceHost: source.name, requirements };
    const taking = await bus.call(checkCanLiveMigrateDestination, offer, { server: destination.name });
    return {
      command,
      proofs,
      disks: requirements.disks,
      failed: failedChecks([...leaving.checks, ...taking.checks]),
    };
  }

  /** The volume of a proof is gone from the folder, and no pool is left on either host. */
  async function endsWithoutTrace({ command }: Awaited<ReturnType<typeof ask>>, folder: string): Promise<void> {
    await agents.bus.cast(endStorageProof, command, { server: agents.source.name });
    await waitFor("the proof to be gone", async () => !(await readdir(folder)).some((name) => name.includes("proof")));
    await waitFor("no pool to be left", async () => {
      const pools = await Promise.all(agents.lab.hosts.map((host) => host.virsh("pool-list", "--all", "--name")));
      return pools.every((names) => names === "");
    });
  }

  async function endGuest(host: LabHost, { name }: LabGuest): Promise<void> {
    await host.virsh("destroy", name);
    await host.virsh("undefine", name);
  }

  test("an equal path on different storage is no shared storage, and a stale file there is left as it is", async () => {
    const { source, destination } = agents;
    const [here, there] = [join(store, "here"), join(store, "there")];
    await withMounts(
      [
        [source, here, FOLDER],
        [destination, there, FOLDER],
      ],
      async () => {
        const guest = await guestWithDisk("apart");
        const free = await ask(guest);
        expect(free.failed).toEqual([]);
        await endsWithoutTrace(free, here);
        // Of the same size, and most of it the same.
        const stale = await readFile(join(here, "apart.raw"));
        stale.writeUInt8(stale.readUInt8(0) ^ 1, 0);
        await writeFile(join(there, "apart.raw"), stale);
        const barred = await ask(guest);
        const message = expect.stringMatching(/not shown to see the same.*never lands on something/);
        expect(barred.failed).toMatchObject([{ check: "storage", message }]);
        await endsWithoutTrace(barred, here);
        expect(stale.equals(await readFile(join(there, "apart.raw")))).toBe(true);
        expect(await readdir(there)).toEqual(["apart.raw"]);
        await endGuest(source, guest);
      },
    );
  });

  test("shared storage under two paths is not written to where it is read", async () => {
    const { bus, source, destination } = agents;
    const [shared, own] = [join(store, "shared"), join(store, "own")];
    await withMounts(
      [
        [source, shared, FOLDER],
        [destination, shared, "/var/lib/libvirt/elsewhere"],
        [destination, own, FOLDER],
      ],
      async () => {
        const guest = await guestWithDisk("twice");
        const before = await readFile(join(shared, "twice.raw"));
        const asked = await ask(guest);
        expect(asked.failed).toEqual([]);
        const prepare = { ...asked.command, ...asked, memoryKiB: 262_144, sourceHost: source.name };
        const prepared = await bus.call(preLiveMigration, prepare, { server: destination.name });
        expect(prepared.disks).toMatchObject([{ target: "vda", action: "copy" }]);
        expect(await readdir(own)).toEqual(["twice.raw"]);
        expect(before.equals(await readFile(join(shared, "twice.raw")))).toBe(true);
        const undo = { ...asked.command, removeRemnant: false, broughtDefinition: "remove" } as const;
        await bus.call(rollbackLiveMigrationAtDestination, undo, { server: destination.name });
        expect(await readdir(own)).toEqual([]);
        await endsWithoutTrace(asked, shared);
        expect(before.equals(await readFile(join(shared, "twice.raw")))).toBe(true);
        await endGuest(source, guest);
      },
    );
  });

  test("storage that is shared, but not as libvirt knows it, is refused with libvirt's words", async () => {
    const { source, destination } = agents;
    const shared = join(store, "unknown");
    await withMounts(
      [
        [source, shared, FOLDER],
        [destination, shared, FOLDER],
      ],
      async () => {
        const guest = await guestWithDisk("unsafe");
        const asked = await ask(guest);
        const message = expect.stringMatching(/sees the same storage.*Migration without shared storage is unsafe/);
        expect(asked.failed).toMatchObject([{ check: "storage", message }]);
        await endsWithoutTrace(asked, shared);
        expect(await agents.hostsOf(guest)).toEqual([`${source.name} running`]);
        await endGuest(source, guest);
      },
    );
  });

  test("a disk on shared storage stays where it is while its guest moves", async () => {
    const { bus, source, destination, start, outcomeOf, hostsOf } = agents;
    const shared = join(store, "cluster");
    await mkdir(shared);
    // libvirt takes a file system of this type for one that hosts share.
    const mount = ["-o", "subtype=glusterfs", shared, FOLDER];
    for (const host of agents.lab.hosts) {
      await host.exec("mkdir", ["-p", FOLDER]);
      host.spawn("bindfs", ["-f", ...mount], { stdio: "ignore" });
      await waitFor("the file system", () => host.exec("mountpoint", ["-q", FOLDER]).then(() => true));
    }
    const guest = await guestWithDisk("stays");
    const before = await readFile(join(shared, "stays.raw"));
    const asked = await ask(guest);
    expect(asked.failed).toEqual([]);
    await start(asked.command, {}, asked.disks, asked.proofs);
    await endsWithoutTrace(asked, shared);
    const outcome = await outcomeOf(asked.command);
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    expect(outcome.flags?.map(({ name }) => name)).not.toContain("VIR_MIGRATE_NON_SHARED_DISK");
    await bus.call(postLiveMigrationAtDestination, asked.command, { server: destination.name });
    const settled = { ...asked.command, removeRemnant: false, removeCopiedDisks: true };
    await bus.call(postLiveMigration, settled, { server: source.name });
    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect(before.equals(await readFile(join(shared, "stays.raw")))).toBe(true);
    await endGuest(destination, guest);
    for (const host of agents.lab.hosts) await host.exec("umount", ["--lazy", FOLDER]);
  });
});
