import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openInProcessBus } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigration,
  liveMigrationForceComplete,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { defaultPolicy, type MigrationPolicy, type PreCheck, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { type LabGuest, type LabHost, waitFor } from "@drover/testkit";
import { type ComputeAgent, startComputeAgent } from "./compute-agent.ts";
import { type ComputeConfig, computeConfig } from "./compute-config.ts";
import { type RecordedConductor, recordConductor } from "./recorded-conductor.test.support.ts";
import { machineFiles } from "./tls/host-files.ts";

type Outcome = NonNullable<ReturnType<RecordedConductor["outcome"]>>;

/** Agents on real hosts, driven as the conductor drives them, and a conductor that only records. */
export interface LabBed extends AsyncDisposable {
  readonly conductor: RecordedConductor;
  /** Starts a host's agent; an earlier one of the host is stopped first. Resolves when the host was reported. */
  startAgent(host: LabHost, section?: Partial<ComputeConfig>): Promise<void>;
  /** Ends a host's libvirtd and starts it again; resolves when its agent has found it. */
  restartLibvirtd(host: LabHost): Promise<void>;
  /** Every check of both hosts. */
  check(guest: LabGuest, source: LabHost, destination: LabHost): Promise<readonly PreCheck[]>;
  /** Prepares, copies, and then settles or rolls back: resolves when nothing of the migration is left to do. */
  move(guest: LabGuest, source: LabHost, destination: LabHost, options?: MoveOptions): Promise<Outcome>;
}

interface MoveOptions {
  readonly policy?: Partial<MigrationPolicy>;
  /** Have it completed whatever the standstill, once libvirt copies. @default false */
  readonly forceComplete?: boolean;
}

export async function openLabBed(): Promise<LabBed> {
  const folder = await mkdtemp(join(tmpdir(), "drover-agent-lab-"));
  const bus = openInProcessBus();
  const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  const conductor = await recordConductor(bus);
  const agents = new Map<string, ComputeAgent>();

  async function startAgent(host: LabHost, section: Partial<ComputeConfig> = {}): Promise<void> {
    await agents.get(host.name)?.stop();
    const config = {
      ...computeConfig.parse({
        host: host.name,
        libvirt_uri: host.uri,
        live_migration_inbound_addr: host.migrationAddress,
        libvirt_migration_uri: host.migrationUri,
        ...section,
      }),
      state_path: join(folder, `${host.name}.json`),
    };
    // The hosts' names are known in the lab alone.
    const resolveAddress = async (name: string) => {
      const { stdout } = await host.exec("getent", ["ahosts", name]);
      return [
        ...new Set(
          stdout
            .trim()
            .split("\n")
            .map((line) => line.split(/\s+/)[0] ?? ""),
        ),
      ];
    };
    // The agent of a test is outside its host, whose /etc/libvirt is its own.
    const outside = (path: string) => path.replace(/^\/etc\/libvirt(?=\/)/, host.folders.etc);
    const hostFiles = {
      read: (path: string) => machineFiles.read(outside(path)),
      exists: (path: string) => machineFiles.exists(outside(path)),
    };
    const agent = await startComputeAgent({
      ...{ bus, progress, clock: systemClock, logger: silentLogger, config, resolveAddress, hostFiles },
    });
    agents.set(host.name, agent);
    await agent.reported;
  }

  async function restartLibvirtd(host: LabHost): Promise<void> {
    await host.killLibvirtd();
    await host.startLibvirtd();
    await waitFor("the agent to find libvirtd", () =>
      agents
        .get(host.name)
        ?.pingLibvirt()
        .then(() => true),
    );
  }

  async function check(guest: LabGuest, source: LabHost, destination: LabHost) {
    const asked = { migrationUuid: randomUUID(), serverUuid: guest.uuid, serverName: guest.name };
    const leaving = await bus.call(
      checkCanLiveMigrateSource,
      { ...asked, blockMigration: null },
      { server: source.name },
    );
    const { requirements } = leaving;
    if (requirements === null) return leaving.checks;
    const request = { ...asked, sourceHost: source.name, requirements };
    const taking = await bus.call(checkCanLiveMigrateDestination, request, { server: destination.name });
    return [...leaving.checks, ...taking.checks];
  }

  async function move(guest: LabGuest, source: LabHost, destination: LabHost, options: MoveOptions = {}) {
    const command = { migrationUuid: randomUUID(), generation: 1, serverUuid: guest.uuid, serverName: guest.name };
    const { migrationUuid } = command;
    const [from, to] = [{ server: source.name }, { server: destination.name }];
    const memoryKiB = guest.spec.memoryMiB * 1024;
    const prepared = await bus.call(
      preLiveMigration,
      { ...command, memoryKiB, sourceHost: source.name, disks: [] },
      to,
    );
    const start = {
      ...command,
      notAfterMs: Date.now() + 60_000,
      destinationHost: destination.name,
      destination: prepared,
      memoryKiB,
      policy: { ...defaultPolicy, ...options.policy },
    };
    await bus.cast(liveMigration, start, from);
    if (options.forceComplete) {
      await waitFor("the copy to start", () => conductor.eventNames(migrationUuid).includes("started") || null, {
        deadlineMs: 20_000,
      });
      await bus.cast(liveMigrationForceComplete, { ...command, generation: 2, notAfterMs: start.notAfterMs }, from);
    }
    const outcome = await waitFor("the outcome", () => conductor.outcome(migrationUuid), { deadlineMs: 60_000 });
    const last = { ...command, generation: 3 };
    if (outcome.outcome === "arrived") {
      await bus.call(postLiveMigrationAtDestination, last, to);
      await bus.call(postLiveMigration, { ...last, removeRemnant: false, removeCopiedDisks: false }, from);
    } else {
      const proved = { removeRemnant: false, broughtDefinition: "remove" } as const;
      await bus.call(rollbackLiveMigrationAtDestination, { ...last, ...proved }, to);
      await bus.call(rollbackLiveMigration, { ...last, stayed: false, mayResume: true }, from);
    }
    return outcome;
  }

  return {
    conductor,
    startAgent,
    restartLibvirtd,
    check,
    move,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.stop()));
      await bus.close();
      await progress.close();
      await rm(folder, { recursive: true });
    },
  };
}
