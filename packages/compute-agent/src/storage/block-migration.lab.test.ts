import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  type GuestRequirements,
  liveMigrationAbort,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { failedChecks } from "@drover/model";
import { type LabGuest, type LabHost, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentLab, startAgentLab } from "../agent-lab.test.support.ts";

/** As guests see it; each lab host has a folder of its own there, and libvirt has no pool for it. */
const FOLDER = "/var/lib/libvirt/images";
const DISK_MIB = 64;

describe("local disks on two real hosts", { timeout: 120_000 }, () => {
  let agents: AgentLab;

  beforeAll(async () => {
    agents = await startAgentLab();
    await Promise.all(agents.lab.hosts.map((host) => mkdir(outside(host, FOLDER), { recursive: true })));
  });

  afterAll(async () => {
    expect(await agents.close()).toEqual([]);
  });

  /** A host's path in the root mount namespace. */
  function outside(host: LabHost, path: string): string {
    return join(host.folders.state, path.slice("/var/lib/libvirt".length));
  }

  /** A guest with a disk of random content above a base image, of which half is in each. */
  async function guestWithDisk(name: string): Promise<{ guest: LabGuest; path: string; reference: string }> {
    const { source } = agents;
    const [path, base, reference] = [
      `${FOLDER}/${name}.qcow2`,
      `${FOLDER}/${name}-base.raw`,
      `/var/lib/libvirt/${name}.raw`,
    ];
    await source.exec("sh", [
      "-c",
      `head -c ${DISK_MIB >> 1}M /dev/urandom > ${base}; truncate -s ${DISK_MIB}M ${base}`,
    ]);
    await source.exec("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path]);
    await source.exec("qemu-io", ["-c", `write -q -P 0x5a ${DISK_MIB >> 1}M ${DISK_MIB >> 2}M`, path]);
    await source.exec("qemu-img", ["convert", "-O", "raw", path, reference]);
    const devicesXml = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='${path}'/><target dev='vda' bus='virtio'/></disk>
      <disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>`;
    return { guest: await source.startGuest({ name, devicesXml }), path, reference };
  }

  async function requirementsOf(guest: LabGuest): Promise<GuestRequirements> {
    const request = { ...agents.commandFor(guest), blockMigration: null };
    const { checks, requirements } = await agents.bus.call(checkCanLiveMigrateSource, request, {
      server: agents.source.name,
    });
    expect(failedChecks(checks)).toEqual([]);
    if (requirements === null) throw new Error("a guest that is here has requirements");
    return requirements;
  }

  async function checkThere(guest: LabGuest, requirements: GuestRequirements) {
    const request = { ...agents.commandFor(guest), sourceHost: agents.source.name, requirements };
    const { checks } = await agents.bus.call(checkCanLiveMigrateDestination, request, {
      server: agents.destination.name,
    });
    return failedChecks(checks);
  }

  async function poolsOf(host: LabHost): Promise<string> {
    return await host.virsh("pool-list", "--all", "--name");
  }

  async function endGuest(host: LabHost, guest: LabGuest): Promise<void> {
    await host.virsh("destroy", guest.name);
    await host.virsh("undefine", guest.name);
  }

  test("a guest moves with the content of its disk, base image included, and leaves none behind", async () => {
    const { bus, source, destination, commandFor, start, outcomeOf, hostsOf } = agents;
    const { guest, path, reference } = await guestWithDisk("carried");
    const requirements = await requirementsOf(guest);
    expect(requirements.disks).toMatchObject([
      { target: "vda", need: "copy", path, format: "qcow2", capacityBytes: DISK_MIB * 1_048_576 },
      { target: "hda", need: "empty-drive" },
    ]);
    expect(await checkThere(guest, requirements)).toEqual([]);
    const command = commandFor(guest);
    await start(command, {}, requirements.disks);
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    const flags = outcome.flags?.map(({ name, value }) => value ?? name);
    expect(flags).toEqual(expect.arrayContaining(["VIR_MIGRATE_NON_SHARED_DISK", "vda"]));
    expect(outcome.progress?.diskTotalBytes).toBeGreaterThan(0);
    await bus.call(postLiveMigrationAtDestination, command, { server: destination.name });
    const settled = { ...command, removeRemnant: false, removeCopiedDisks: true };
    await bus.call(postLiveMigration, settled, { server: source.name });

    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect((await guest.waitForFullCheck(destination)).badPages).toBe(0);
    expect(await poolsOf(destination)).toBe("");
    expect(await poolsOf(source)).toBe("");
    expect(existsSync(outside(source, path))).toBe(false);
    expect(existsSync(outside(source, `${FOLDER}/carried-base.raw`))).toBe(true);
    await endGuest(destination, guest);
    const moved = outside(destination, path);
    const { stdout } = await source.exec("qemu-img", ["info", "--output=json", moved]);
    expect(JSON.parse(stdout)).toMatchObject({ format: "qcow2", "virtual-size": DISK_MIB * 1_048_576 });
    expect(JSON.parse(stdout)).not.toHaveProperty("backing-filename");
    await source.exec("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", reference, moved]);
    await rm(moved);
  });

  test("a stale file in the way is refused, and neither host is changed", async () => {
    const { bus, source, destination, commandFor, hostsOf } = agents;
    const { guest, path } = await guestWithDisk("barred");
    const stale = outside(destination, path);
    await writeFile(stale, "somebody's");
    const requirements = await requirementsOf(guest);
    const [failed, ...others] = await checkThere(guest, requirements);
    expect(others).toEqual([]);
    expect(failed).toMatchObject({
      check: "storage",
      message: expect.stringContaining("a copy never lands on something"),
    });
    const prepare = { memoryKiB: 262_144, sourceHost: source.name, disks: requirements.disks };
    const command = commandFor(guest);
    const preparing = bus.call(preLiveMigration, { ...command, ...prepare }, { server: destination.name });
    await expect(preparing).rejects.toMatchObject({ code: "refused", message: expect.stringContaining(path) });
    await rollBack(command);
    const { stdout } = await source.exec("cat", [stale]);
    expect(stdout).toBe("somebody's");
    expect(await poolsOf(destination)).toBe("");
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await endGuest(source, guest);
    await rm(stale);
  });

  test("an abort while the disk is copied leaves no file, and the guest its own", async () => {
    const { bus, progress, source, destination, commandFor, start, control, happened, outcomeOf, hostsOf } = agents;
    const { guest, path } = await guestWithDisk("called-off");
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 2 }, (await requirementsOf(guest)).disks);
    await happened(command, "started");
    await waitFor("the disk to be on its way", async () => {
      const { migrationUuid } = command;
      const seen = (await progress.read([{ migrationUuid, host: source.name }])).get(migrationUuid);
      return (seen?.snapshot.diskProcessedBytes ?? 0) > 2_097_152;
    });
    expect(existsSync(outside(destination, path))).toBe(true);
    await bus.cast(liveMigrationAbort, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    await rollBack({ ...command, generation: command.generation + 2 });
    expect(existsSync(outside(destination, path))).toBe(false);
    expect(existsSync(outside(source, path))).toBe(true);
    expect(await poolsOf(destination)).toBe("");
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await endGuest(source, guest);
  });

  async function rollBack(command: ReturnType<AgentLab["commandFor"]>): Promise<void> {
    const { bus, source, destination } = agents;
    const proved = { removeRemnant: false, broughtDefinition: "remove" } as const;
    await bus.call(rollbackLiveMigrationAtDestination, { ...command, ...proved }, { server: destination.name });
    await bus.call(rollbackLiveMigration, { ...command, stayed: false, mayResume: true }, { server: source.name });
  }
});
