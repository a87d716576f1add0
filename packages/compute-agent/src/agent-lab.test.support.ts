import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, openInProcessBus } from "@drover/bus";
import { findGuest, liveMigration, preLiveMigration } from "@drover/contracts";
import {
  type DiskToMove,
  defaultPolicy,
  type MigrationPolicy,
  type StorageProof,
  silentLogger,
  systemClock,
} from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { type Lab, type LabGuest, type LabHost, startLab, waitFor } from "@drover/testkit";
import { type ComputeAgent, startComputeAgent } from "./compute-agent.ts";
import { computeConfig } from "./compute-config.ts";
import type { StartCommand } from "./migration/migrations.ts";
import { type RecordedConductor, recordConductor } from "./recorded-conductor.test.support.ts";

interface LabCommand {
  readonly migrationUuid: string;
  readonly generation: number;
  readonly serverUuid: string;
  readonly serverName: string;
}

/** Two real hosts with an agent each, an in-process bus and a conductor that only records. */
export interface AgentLab {
  readonly lab: Lab;
  readonly bus: Bus;
  readonly progress: ProgressCache;
  readonly conductor: RecordedConductor;
  readonly source: LabHost;
  readonly destination: LabHost;
  startAgent(host: LabHost): Promise<void>;
  stopAgent(host: LabHost): Promise<void>;
  commandFor(guest: LabGuest): LabCommand;
  /** Prepares the destination and starts the copy. */
  start(
    command: LabCommand,
    policy?: Partial<MigrationPolicy>,
    disks?: readonly DiskToMove[],
    proofs?: readonly StorageProof[],
  ): Promise<StartCommand>;
  /** The command with a generation and a time of its own: abort, force-complete. */
  control(command: LabCommand): LabCommand & { readonly notAfterMs: number };
  happened(command: LabCommand, event: string): Promise<true>;
  outcomeOf(command: LabCommand): Promise<NonNullable<ReturnType<RecordedConductor["outcome"]>>>;
  /** Each host that has the guest, with its power state. */
  hostsOf(guest: LabGuest): Promise<string[]>;
  /** Ends everything; resolves with what the lab left behind. */
  close(): Promise<readonly string[]>;
}

export async function startAgentLab(): Promise<AgentLab> {
  const lab = await startLab({ hosts: 2 });
  const [source, destination] = lab.hosts as [LabHost, LabHost];
  const folder = await mkdtemp(join(tmpdir(), "drover-agent-lab-"));
  const bus = openInProcessBus();
  const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  const conductor = await recordConductor(bus);
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

  await Promise.all([startAgent(source), startAgent(destination)]);
  await waitFor("both hosts to be reported", () => new Set(conductor.hosts.map(({ facts }) => facts.host)).size === 2);
  return {
    ...{ lab, bus, progress, conductor, source, destination, startAgent },
    stopAgent: async (host) => agents.get(host)?.stop(),
    commandFor: (guest) => ({
      migrationUuid: randomUUID(),
      generation: 1,
      serverUuid: guest.uuid,
      serverName: guest.name,
    }),
    start: async (command, policy = {}, disks = [], proofs = []) => {
      const prepare = { ...command, memoryKiB: 262_144, sourceHost: source.name, disks: [...disks], proofs };
      const prepared = await bus.call(preLiveMigration, prepare, { server: destination.name });
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
    },
    control: (command) => ({ ...command, generation: command.generation + 1, notAfterMs: Date.now() + 10_000 }),
    happened: (command, event) =>
      waitFor(`the event ${event}`, () => conductor.eventNames(command.migrationUuid).includes(event) || null, {
        deadlineMs: 20_000,
      }),
    outcomeOf: ({ migrationUuid }) =>
      waitFor("the outcome", () => conductor.outcome(migrationUuid), { deadlineMs: 60_000 }),
    hostsOf: async (guest) => {
      const found = await Promise.all(
        lab.hosts.map(async ({ name }) => {
          const request = { serverUuid: guest.uuid, migrationUuid: null };
          const answer = await bus.call(findGuest, request, { server: name });
          return answer.guest === null ? [] : [`${name} ${answer.guest.powerState}`];
        }),
      );
      return found.flat();
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.stop()));
      await bus.close();
      await progress.close();
      await lab.stop();
      await rm(folder, { recursive: true });
      return lab.leftovers();
    },
  };
}
