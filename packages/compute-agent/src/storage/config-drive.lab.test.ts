import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Bus, openInProcessBus } from "@drover/bus";
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
import { defaultPolicy, failedChecks, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { type Lab, type LabGuest, type LabHost, startLab, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ComputeAgent, startComputeAgent } from "../compute-agent.ts";
import { computeConfig } from "../compute-config.ts";
import { type RecordedConductor, recordConductor } from "../recorded-conductor.test.support.ts";

/** As guests see it; each lab host has a folder of its own there, and libvirt has no pool for it. */
const PATH = "/var/lib/libvirt/drives/web.iso";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a config drive on two real hosts", { timeout: 180_000 }, () => {
  let lab: Lab;
  let [first, second]: LabHost[] = [];
  let folder: string;
  let bus: Bus;
  let conductor: RecordedConductor;
  const agents: ComputeAgent[] = [];

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    [first, second] = lab.hosts;
    folder = await mkdtemp(join(tmpdir(), "drover-drive-"));
    bus = openInProcessBus();
    conductor = await recordConductor(bus);
    const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
    for (const host of lab.hosts) {
      await mkdir(join(host.folders.state, "drives"));
      const section = {
        ...{ host: host.name, libvirt_uri: host.uri, libvirt_migration_uri: host.tcpUri },
        live_migration_inbound_addr: host.migrationAddress,
      };
      const config = { ...computeConfig.parse(section), state_path: join(folder, `${host.name}.json`) };
      agents.push(await startComputeAgent({ bus, progress, clock: systemClock, logger: silentLogger, config }));
    }
    await waitFor("hosts to be reported", () => new Set(conductor.hosts.map(({ facts }) => facts.host)).size === 2);
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await bus.close();
    await lab.stop();
    await rm(folder, { recursive: true });
    expect(lab.leftovers()).toEqual([]);
  });

  const fileOn = (host: LabHost) => join(host.folders.state, PATH.slice("/var/lib/libvirt/".length));

  function commandFor(guest: LabGuest, destination: LabHost) {
    return {
      ...{ migrationUuid: randomUUID(), generation: 1, serverUuid: guest.uuid, serverName: guest.name },
      ...{ memoryKiB: 262_144, policy: defaultPolicy, destinationHost: destination.name },
    };
  }

  /** What the conductor does with a guest that is to move, up to the copy. */
  async function prepare(guest: LabGuest, source: LabHost, destination: LabHost) {
    const command = commandFor(guest, destination);
    const asked = await bus.call(
      checkCanLiveMigrateSource,
      { ...command, blockMigration: null, storageIsProved: true },
      { server: source.name },
    );
    if (asked.requirements === null) throw new Error("a guest that is here has requirements");
    const folders = [dirname(PATH)];
    const { proofs } = await bus.call(proveStorage, { ...command, folders }, { server: source.name });
    const requirements = { ...asked.requirements, proofs };
    const offer = { ...command, sourceHost: source.name, requirements };
    const there = await bus.call(checkCanLiveMigrateDestination, offer, { server: destination.name });
    expect([...failedChecks(asked.checks), ...failedChecks(there.checks)]).toEqual([]);
    const request = { ...command, sourceHost: source.name, disks: requirements.disks, proofs };
    try {
      return { ...command, destination: await bus.call(preLiveMigration, request, { server: destination.name }) };
    } finally {
      await bus.cast(endStorageProof, command, { server: source.name });
    }
  }

  async function move(guest: LabGuest, source: LabHost, destination: LabHost) {
    const command = { ...(await prepare(guest, source, destination)), notAfterMs: Date.now() + 60_000 };
    await bus.cast(liveMigration, command, { server: source.name });
    const outcome = await waitFor("the outcome", () => conductor.outcome(command.migrationUuid), {
      deadlineMs: 60_000,
    });
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    await bus.call(postLiveMigrationAtDestination, command, { server: destination.name });
    const left = { ...command, removeRemnant: false, removeCopiedDisks: false };
    await bus.call(postLiveMigration, left, { server: source.name });
  }

  /** What the guest reads from its drive after now, past its caches. */
  async function drives(guest: LabGuest, host: LabHost): Promise<string | undefined> {
    const before = guest.diskChecksums(host, "vda").length;
    // The first may have been read before the guest came here.
    return waitFor("the drive to be read", () => guest.diskChecksums(host, "vda")[before + 1], { deadlineMs: 60_000 });
  }

  test("goes there and back with its guest, which reads the same from it past its caches", async () => {
    if (first === undefined || second === undefined) throw new Error("the lab has fewer hosts than asked for");
    const content = randomBytes(5 * 1_048_576 + 2048);
    await writeFile(fileOn(first), content);
    const devicesXml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='${PATH}'/><target dev='vda' bus='virtio'/><readonly/></disk>`;
    const guest = await first.startGuest({ name: "web", devicesXml, readDisks: ["vda"] });
    expect(await drives(guest, first)).toBe(sha256(content));

    const prepared = await prepare(guest, first, second);
    expect(prepared.destination.disks).toMatchObject([{ target: "vda", action: "content", path: PATH }]);
    expect(sha256(await readFile(fileOn(second)))).toBe(sha256(content));
    const rollback = { ...prepared, removeRemnant: false, broughtDefinition: "undecided" } as const;
    await bus.call(rollbackLiveMigrationAtDestination, rollback, { server: second.name });
    expect(existsSync(fileOn(second))).toBe(false);

    await writeFile(fileOn(second), randomBytes(content.length));
    await expect(prepare(guest, first, second)).rejects.toMatchObject({ code: "refused" });
    await rm(fileOn(second));

    await move(guest, first, second);
    expect(await drives(guest, second)).toBe(sha256(content));
    expect((await guest.waitForFullCheck(second)).badPages).toBe(0);
    expect(sha256(await readFile(fileOn(first)))).toBe(sha256(content));

    await rm(fileOn(first));
    await move(guest, second, first);
    expect(await drives(guest, first)).toBe(sha256(content));
    expect(existsSync(fileOn(second))).toBe(false);
    for (const host of lab.hosts) expect(await host.virsh("pool-list", "--all", "--name")).toBe("");
    await first.virsh("destroy", guest.name);
  });
});
