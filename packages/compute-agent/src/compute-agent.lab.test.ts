import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, openInProcessBus } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { defaultPolicy, failedChecks, type MigrationPolicy, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { type Lab, type LabGuest, type LabHost, startLab, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ComputeAgent, startComputeAgent } from "./compute-agent.ts";
import { computeConfig } from "./compute-config.ts";
import type { StartCommand } from "./migration/migrations.ts";
import { type RecordedConductor, recordConductor } from "./recorded-conductor.test.support.ts";

describe("agents on two real hosts", { timeout: 120_000 }, () => {
  let lab: Lab;
  let folder: string;
  let bus: Bus;
  let progress: ProgressCache;
  let conductor: RecordedConductor;
  let source: LabHost;
  let destination: LabHost;
  const agents = new Map<LabHost, ComputeAgent>();

  async function startAgent(host: LabHost): Promise<void> {
    const section = {
      host: host.name,
      libvirt_uri: host.uri,
      live_migration_inbound_addr: host.migrationAddress,
      libvirt_migration_uri: host.tcpUri,
    };
    const config = { ...computeConfig.parse(section), state_path: join(folder, `${host.name}.json`) };
    const agent = await startComputeAgent({ bus, progress, clock: systemClock, logger: silentLogger, config });
    agents.set(host, agent);
  }

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    [source, destination] = lab.hosts as [LabHost, LabHost];
    folder = await mkdtemp(join(tmpdir(), "drover-agent-lab-"));
    bus = openInProcessBus();
    progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
    conductor = await recordConductor(bus);
    await Promise.all([startAgent(source), startAgent(destination)]);
    await waitFor(
      "both hosts to be reported",
      () => new Set(conductor.hosts.map(({ facts }) => facts.host)).size === 2,
    );
  });

  afterAll(async () => {
    await Promise.all([...agents.values()].map((agent) => agent.stop()));
    await bus.close();
    await progress.close();
    await lab.stop();
    await rm(folder, { recursive: true });
    expect(lab.leftovers()).toEqual([]);
  });

  function commandFor(guest: LabGuest) {
    return { migrationUuid: randomUUID(), generation: 1, serverUuid: guest.uuid, serverName: guest.name };
  }

  type Command = ReturnType<typeof commandFor>;

  async function start(command: Command, policy: Partial<MigrationPolicy> = {}): Promise<StartCommand> {
    const to = { server: destination.name };
    const prepared = await bus.call(
      preLiveMigration,
      { ...command, memoryKiB: 262_144, sourceHost: source.name, disks: [] },
      to,
    );
    const request = {
      ...command,
      notAfterMs: Date.now() + 60_000,
      destinationHost: destination.name,
      destination: prepared,
      memoryKiB: 262_144,
      policy: { ...defaultPolicy, ...policy },
    };
    await bus.cast(liveMigration, request, { server: source.name });
    return request;
  }

  function control(command: Command) {
    return { ...command, generation: command.generation + 1, notAfterMs: Date.now() + 10_000 };
  }

  function happened(command: Command, event: string): Promise<true> {
    return waitFor(`the event ${event}`, () => conductor.eventNames(command.migrationUuid).includes(event) || null, {
      deadlineMs: 20_000,
    });
  }

  function outcomeOf({ migrationUuid }: Command) {
    return waitFor("the outcome", () => conductor.outcome(migrationUuid), { deadlineMs: 60_000 });
  }

  async function hostsOf(guest: LabGuest): Promise<string[]> {
    const found = await Promise.all(
      lab.hosts.map(async ({ name }) => {
        const request = { serverUuid: guest.uuid, migrationUuid: null };
        const answer = await bus.call(findGuest, request, { server: name });
        return answer.guest === null ? [] : [`${name} ${answer.guest.powerState}`];
      }),
    );
    return found.flat();
  }

  test("a guest is found, checked, moved, and settled; every page of it arrives", async () => {
    const guest = await source.startGuest({ name: "moved", dirtyMiBps: 10 });
    await waitFor("the guest to be reported", () =>
      conductor.guests(source.name).some((seen) => seen.uuid === guest.uuid && seen.powerState === "running"),
    );
    const command = commandFor(guest);
    const checked = await bus.call(
      checkCanLiveMigrateSource,
      { ...command, blockMigration: null },
      { server: source.name },
    );
    expect(failedChecks(checked.checks)).toEqual([]);
    const { requirements } = checked;
    if (requirements === null) throw new Error("a guest that is here has requirements");
    const offered = await bus.call(
      checkCanLiveMigrateDestination,
      { ...command, sourceHost: source.name, requirements },
      { server: destination.name },
    );
    expect(failedChecks(offered.checks)).toEqual([]);
    expect(offered.memoryAvailableKiB).toBeGreaterThan(requirements.memoryKiB);

    const { counter } = await guest.waitForCounter(2);
    const started = await start(command);
    expect(started.destination.inboundAddress).toBe(destination.migrationAddress);
    await happened(command, "started");
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    expect(outcome.progress).toMatchObject({ phase: "completed" });
    expect(outcome.progress?.downtimeMs).toBeGreaterThan(0);
    await bus.call(postLiveMigrationAtDestination, command, { server: destination.name });
    await bus.call(
      postLiveMigration,
      { ...command, removeRemnant: false, removeCopiedDisks: false },
      { server: source.name },
    );

    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    const full = await guest.waitForFullCheck(destination);
    expect(full.badPages).toBe(0);
    expect(full.counter).toBeGreaterThan(counter);
    await destination.virsh("destroy", guest.name);
    await destination.virsh("undefine", guest.name);
  });

  test("an abort leaves the guest on its source and nothing on the destination", async () => {
    const guest = await source.startGuest({ name: "aborted", dirtyMiBps: 20 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 5 });
    await happened(command, "started");
    await waitFor("progress", async () => (await progress.read([command.migrationUuid])).size === 1);
    await bus.cast(liveMigrationAbort, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    const proved = { removeRemnant: false, broughtDefinition: "remove" } as const;
    const later = { ...command, generation: command.generation + 2 };
    await bus.call(rollbackLiveMigrationAtDestination, { ...later, ...proved }, { server: destination.name });
    await bus.call(rollbackLiveMigration, { ...later, stayed: false, mayResume: true }, { server: source.name });
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await source.virsh("destroy", guest.name);
  });

  test.each([
    ["suspending it", false, ["started", "force-complete-sent"]],
    ["post-copy", true, ["started", "force-complete-sent", "post-copy"]],
  ])("force-complete moves a guest that cannot converge, by %s", async (_, permitPostCopy, events) => {
    const guest = await source.startGuest({ name: `forced-${permitPostCopy}`, dirtyMiBps: 60, verifyMiBps: 32 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 20, permitPostCopy, downtimeMs: 20 });
    await happened(command, "started");
    await bus.cast(liveMigrationForceComplete, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    // The switch's event may come before the answer to the call that asked for it.
    expect([...conductor.eventNames(command.migrationUuid)].sort()).toEqual([...events].sort());
    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect((await guest.waitForFullCheck(destination)).badPages).toBe(0);
    await destination.virsh("destroy", guest.name);
  });

  test("a restarted agent takes its migration up again and reports its end", async () => {
    const guest = await source.startGuest({ name: "carried", dirtyMiBps: 20 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 5 });
    await happened(command, "started");
    await agents.get(source)?.stop();
    conductor.events.length = 0;
    await startAgent(source);
    await happened(command, "started");
    await bus.cast(liveMigrationAbort, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await source.virsh("destroy", guest.name);
  });
});
