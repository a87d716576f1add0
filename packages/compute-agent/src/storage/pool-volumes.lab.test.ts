import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigrationAbort,
  postLiveMigration,
  postLiveMigrationAtDestination,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { failedChecks } from "@drover/model";
import {
  createOwnedFolder,
  type IscsiTarget,
  type LabGuest,
  type LabHost,
  type OwnedFolder,
  startIscsiTarget,
  waitFor,
} from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentLab, startAgentLab } from "../agent-lab.test.support.ts";

const POOL_FOLDER = "/var/lib/libvirt/volumes";
const FILE = `${POOL_FOLDER}/web.raw`;
const CONTENT = { network: randomBytes(1_048_576), file: randomBytes(1_048_576) };

describe("disks that are volumes of storage pools, on two real hosts", { timeout: 120_000 }, () => {
  let agents: AgentLab;
  let folder: OwnedFolder;
  let target: IscsiTarget;

  beforeAll(async () => {
    folder = await createOwnedFolder({ kind: "volumes" });
    agents = await startAgentLab();
    const path = join(folder.path, "unit.raw");
    await writeFile(path, CONTENT.network);
    target = await startIscsiTarget({ path, listenAddress: agents.source.rootAddress, label: "volumes" });
    for (const host of agents.lab.hosts) await mkdir(outside(host, POOL_FOLDER));
    await writeFile(outside(agents.source, FILE), CONTENT.file);
    await definePool("targets", "iscsi-direct", [
      `<source><host name='${target.address}' port='${target.port}'/><device path='${target.targetName}'/>`,
      "<initiator><iqn name='iqn.2026-11.org.drover:hosts'/></initiator></source>",
    ]);
    await definePool("volumes", "dir", [`<target><path>${POOL_FOLDER}</path></target>`]);
  });

  afterAll(async () => {
    expect(await agents.close()).toEqual([]);
    await target.remove();
    await folder.remove();
  });

  /** On the source alone, as a person does. */
  async function definePool(name: string, type: string, rest: readonly string[]): Promise<void> {
    const file = join(folder.path, `${name}.xml`);
    await writeFile(file, `<pool type='${type}'><name>${name}</name>${rest.join("")}</pool>`);
    await agents.source.virsh("pool-define", file);
    await agents.source.virsh("pool-start", name);
    await agents.source.virsh("pool-autostart", name);
  }

  /** A host's path in the root mount namespace. */
  function outside(host: LabHost, path: string): string {
    return join(host.folders.state, path.slice("/var/lib/libvirt/".length));
  }

  async function poolsOf(host: LabHost): Promise<readonly string[]> {
    const names = await host.virsh("pool-list", "--all", "--name");
    return names.split(/\s+/).filter((name) => name !== "");
  }

  async function startGuest(name: string): Promise<LabGuest> {
    const disk = (source: string, target: string) =>
      `<disk type='volume' device='disk'><driver name='qemu' type='raw'/><source ${source}/>
        <target dev='${target}' bus='virtio'/></disk>`;
    const devicesXml =
      disk("pool='targets' volume='unit:0:0:1'", "vda") + disk("pool='volumes' volume='web.raw'", "vdb");
    return await agents.source.startGuest({ name, devicesXml, readDisks: ["vda", "vdb"] });
  }

  async function ask(guest: LabGuest) {
    const { bus, source, destination } = agents;
    const command = agents.commandFor(guest);
    const question = { ...command, blockMigration: null, storageIsProved: true };
    const leaving = await bus.call(checkCanLiveMigrateSource, question, { server: source.name });
    if (leaving.requirements === null) throw new Error("a guest that is here has requirements");
    const offer = { ...command, sourceHost: source.name, requirements: leaving.requirements };
    const taking = await bus.call(checkCanLiveMigrateDestination, offer, { server: destination.name });
    expect(failedChecks([...leaving.checks, ...taking.checks])).toEqual([]);
    return { command, disks: leaving.requirements.disks };
  }

  /** What the guest reads from a disk after now, past its caches. */
  async function reads(guest: LabGuest, host: LabHost, disk: string): Promise<string | undefined> {
    const before = guest.diskChecksums(host, disk).length;
    // The first may have been read before the guest came here.
    return waitFor("the disk to be read", () => guest.diskChecksums(host, disk)[before + 1], { deadlineMs: 60_000 });
  }

  test("go with their guest, which starts anew from them there; an abort before leaves nothing", async () => {
    const { bus, source, destination, start, control, happened, outcomeOf, hostsOf } = agents;
    const guest = await startGuest("web");
    const first = await ask(guest);
    expect(first.disks).toMatchObject([
      { target: "vda", need: "volume", pool: { pool: "targets" } },
      { target: "vdb", need: "copy", path: FILE, pool: { pool: "volumes" } },
    ]);
    await start(first.command, { bandwidthMiBps: 1 }, first.disks);
    await happened(first.command, "started");
    expect(await poolsOf(destination)).toEqual(["targets", "volumes"]);
    await bus.cast(liveMigrationAbort, control(first.command), { server: source.name });
    expect(await outcomeOf(first.command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    const undo = { ...first.command, generation: first.command.generation + 2 };
    const proved = { removeRemnant: false, broughtDefinition: "remove" } as const;
    await bus.call(rollbackLiveMigrationAtDestination, { ...undo, ...proved }, { server: destination.name });
    await bus.call(rollbackLiveMigration, { ...undo, stayed: false, mayResume: true }, { server: source.name });
    expect(await poolsOf(destination)).toEqual([]);
    expect(existsSync(outside(destination, FILE))).toBe(false);
    expect(await poolsOf(source)).toEqual(["targets", "volumes"]);

    const { command, disks } = await ask(guest);
    await start(command, {}, disks);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived", error: null });
    await bus.call(postLiveMigrationAtDestination, command, { server: destination.name });
    const settled = { ...command, removeRemnant: false, removeCopiedDisks: true };
    await bus.call(postLiveMigration, settled, { server: source.name });
    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect(await reads(guest, destination, "vda")).toBe(sha256(CONTENT.network));
    expect(await reads(guest, destination, "vdb")).toBe(sha256(CONTENT.file));
    expect(await poolsOf(destination)).toEqual(["targets", "volumes"]);
    expect(await destination.virsh("pool-info", "targets")).toMatch(/Persistent: +yes\s+Autostart: +yes/);
    // The source's pools were its user's, and its file was copied.
    expect(await poolsOf(source)).toEqual(["targets", "volumes"]);
    expect(existsSync(outside(source, FILE))).toBe(false);
    await destination.virsh("destroy", guest.name);
    await destination.virsh("start", guest.name);
    await destination.virsh("destroy", guest.name);
    await destination.virsh("undefine", guest.name);
    expect(sha256(await readFile(outside(destination, FILE)))).toBe(sha256(CONTENT.file));
    await rm(outside(destination, FILE));
  });
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
