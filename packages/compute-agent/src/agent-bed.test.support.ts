import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, openInProcessBus } from "@drover/bus";
import { type GuestOptions, type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { type Clock, defaultPolicy, type MigrationPolicy, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { waitFor } from "@drover/testkit";
import { type ComputeAgent, startComputeAgent } from "./compute-agent.ts";
import { type ComputeConfig, computeConfig } from "./compute-config.ts";
import { stateFileOnDisk } from "./journal/state-file.ts";
import type { StartCommand } from "./migration/migrations.ts";
import { noKnock } from "./network/knock.ts";
import { type RecordedConductor, recordConductor } from "./recorded-conductor.test.support.ts";
import { type HostFiles, noFiles } from "./tls/host-files.ts";

/** Two simulated hosts with an agent each, an in-process bus and a conductor that only records. */
export interface AgentBed {
  readonly bus: Bus;
  readonly fleet: RunningFleet;
  readonly progress: ProgressCache;
  readonly conductor: RecordedConductor;
  /** Adds a guest to `h1` and waits until its agent has reported it. */
  addGuest(options: Partial<GuestOptions> & { readonly name: string }): Promise<string>;
  /** The command that moves a guest from `h1` to `h2`. */
  startCommand(serverUuid: string, serverName: string, policy?: Partial<MigrationPolicy>): StartCommand;
  /** While it is true, nothing more can be written to any agent's state file. */
  diskFull: boolean;
  /** What is written to any agent's state file from now on waits until the result is called. */
  holdWrites(): () => void;
  /** By default its host has no certificates, whatever the machine has. */
  startAgent(host: string, options?: AgentOptions): Promise<ComputeAgent>;
  stopAgent(host: string): Promise<void>;
  close(): Promise<void>;
}

interface AgentOptions {
  readonly section?: Partial<ComputeConfig>;
  readonly hostFiles?: HostFiles;
}

export async function startAgentBed(options: { readonly clock?: Clock } = {}): Promise<AgentBed> {
  const directory = await mkdtemp(join(tmpdir(), "drover-agents-"));
  const clock = options.clock ?? systemClock;
  const fleet = await startSimulatedFleet({ directory, clock, hosts: [{ name: "h1" }, { name: "h2" }] });
  const bus = openInProcessBus();
  const progress = openMemoryProgress({ clock, logger: silentLogger });
  const conductor = await recordConductor(bus);
  const agents = new Map<string, ComputeAgent>();
  let heldWrites: Promise<void> | undefined;

  async function startAgent(host: string, options: AgentOptions = {}): Promise<ComputeAgent> {
    const handle = fleet.host(host);
    const section = { host, libvirt_uri: handle.uri, libvirt_migration_uri: handle.peerUri, ...options.section };
    const { hostFiles = noFiles } = options;
    const config = { ...computeConfig.parse(section), state_path: join(directory, `${host}.json`) };
    const resolveAddress = async (): Promise<string[]> => [];
    const file = stateFileOnDisk(config.state_path);
    const replace = async (text: string) => {
      await heldWrites;
      if (bed.diskFull) throw new Error("ENOSPC: no space left on device, write");
      await file.replace(text);
    };
    const stateFile = { ...file, replace };
    const agent = await startComputeAgent({
      ...{ bus, progress, clock, config, stateFile, resolveAddress, hostFiles },
      ...{ logger: silentLogger, libvirt: { dial: fleet.dial }, knock: noKnock },
    });
    agents.set(host, agent);
    return agent;
  }

  async function stopAgent(host: string): Promise<void> {
    await agents.get(host)?.stop();
    agents.delete(host);
  }

  async function addGuest(guest: Partial<GuestOptions> & { readonly name: string }): Promise<string> {
    const uuid = fleet.addGuest({ host: "h1", memoryMiB: 512, dirtyMiBps: 1, ...guest });
    await waitFor("the guest to be reported", () => conductor.guests("h1").some((seen) => seen.uuid === uuid));
    return uuid;
  }

  const bed: AgentBed = {
    diskFull: false,
    holdWrites: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      heldWrites = promise;
      return () => {
        heldWrites = undefined;
        resolve();
      };
    },
    bus,
    fleet,
    progress,
    conductor,
    startAgent,
    stopAgent,
    addGuest,
    startCommand: (serverUuid, serverName, policy = {}) => ({
      migrationUuid: randomUUID(),
      generation: 3,
      serverUuid,
      serverName,
      notAfterMs: clock.now().getTime() + 60_000,
      destinationHost: "h2",
      destination: { libvirtUri: fleet.host("h2").peerUri, inboundAddress: "h2" },
      memoryKiB: 512 * 1024,
      policy: { ...defaultPolicy, ...policy },
    }),
    close: async () => {
      await Promise.all([...agents.keys()].map(stopAgent));
      await bus.close();
      await progress.close();
      await fleet.close();
      await rm(directory, { recursive: true });
    },
  };
  for (const agent of await Promise.all([startAgent("h1"), startAgent("h2")])) {
    await waitFor("libvirtd to be reached", () => agent.pingLibvirt().then(() => true));
  }
  return bed;
}
