import { type Bus, openInProcessBus } from "@drover/bus";
import { computeConfig, noFiles, noKnock, startComputeAgent } from "@drover/compute-agent";
import { conductorConfig, startConductor } from "@drover/conductor";
import type { ConnectionOptions } from "@drover/libvirt";
import { type GuestOptions, type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { DroverError, type Logger, type Migration, type MigrationPolicy, silentLogger } from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { schedulerConfig, startScheduler } from "@drover/scheduler";
import { openSqliteStore, type Store } from "@drover/store";
import type { SeededRandom } from "../seeded-random.ts";
import { MemoryDisk } from "./memory-state-file.ts";
import { memoryConnection } from "./memory-stream.ts";
import { type BusWeather, processBus } from "./process-bus.ts";
import type { RunLedger } from "./run-ledger.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { throughProcess } from "./through-process.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface ChaosPlaneOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly ledger: RunLedger;
  readonly hosts: readonly string[];
  readonly guests: readonly GuestOptions[];
  readonly linkMiBps: number;
  readonly policy: MigrationPolicy;
  /** From the guest's start on the destination to its end on the source. @default drawn */
  readonly confirmMs: number | undefined;
  /** Told of every record at the moment it is written. */
  readonly onRecord: (migration: Migration) => void;
  readonly loggerOf?: (process: string) => Logger;
}

/** Whoever can be killed, frozen and started again. */
export interface Restartable {
  readonly name: string;
  process: SimulatedProcess;
  readonly start: (process: SimulatedProcess) => Promise<unknown>;
}

const STORE_MS = 2;
const CACHE_MS = 0.5;

/**
 * A whole control plane on a virtual clock: two conductors over one store, a scheduler, an agent for each host, the
 * in-process bus as their broker, and simulated libvirtds reached through connections in memory. Every process can be
 * killed, frozen and started again; what outlives them is the broker, the store, the cache, the agents' disks and the hosts.
 */
export class ChaosPlane {
  readonly fleet: RunningFleet;
  readonly broker: Bus;
  readonly store: Store;
  readonly weather: BusWeather = { loss: 0, duplicate: 0, lateMs: 0 };
  readonly disks = new Map<string, MemoryDisk>();
  readonly agents: readonly Restartable[];
  readonly conductors: readonly Restartable[];
  readonly scheduler: Restartable;
  readonly #options: ChaosPlaneOptions;
  readonly #progress: ProgressCache;
  /** All is mended for good: a blow that was on its way comes to nothing. */
  isMended = false;
  #storeAway = false;

  private constructor(options: ChaosPlaneOptions, parts: { fleet: RunningFleet; broker: Bus; store: Store }) {
    const { clock, hosts } = options;
    this.#options = options;
    this.fleet = parts.fleet;
    this.broker = parts.broker;
    this.store = parts.store;
    this.#progress = openMemoryProgress({ clock, logger: silentLogger });
    this.agents = hosts.map((host) => {
      const disk = new MemoryDisk();
      this.disks.set(host, disk);
      return this.#restartable(`agent-${host}`, (process) => this.#runAgent(process, host, disk));
    });
    this.conductors = ["conductor-1", "conductor-2"].map((name) =>
      this.#restartable(name, (process) => this.#runConductor(process)),
    );
    this.scheduler = this.#restartable("scheduler", (process) => this.#runScheduler(process));
  }

  static async open(options: ChaosPlaneOptions): Promise<ChaosPlane> {
    const { clock, random, hosts, guests, linkMiBps, onRecord } = options;
    const fleet = await startSimulatedFleet({
      clock,
      hosts: hosts.map((name) => ({ name, memoryMiB: 16_384 })),
      guests,
      defaultLinkMiBps: linkMiBps,
      // Some are slow to confirm: a libvirtd that ends then leaves the most doubt behind.
      timings: { prepareMs: 100, confirmMs: options.confirmMs ?? random.pick([10, 10, 200]) },
    });
    const broker = openInProcessBus({
      clock,
      logger: silentLogger,
      deliver: (delivery) => void clock.after(random.between(0.1, 2), delivery),
    });
    const database = await openSqliteStore({ path: ":memory:", clock, logger: silentLogger });
    const store = throughProcess(database, async (operation, work) => {
      const result = await work();
      if (WRITES.has(operation) && isMigration(result)) onRecord(result);
      return result;
    });
    return new ChaosPlane(options, { fleet, broker, store });
  }

  get processes(): readonly Restartable[] {
    return [...this.agents, ...this.conductors, this.scheduler];
  }

  start(who: Restartable): void {
    who.process = this.#newProcess(who.name);
    this.#options.ledger.note(who.name, "starts");
    const { process } = who;
    who.start(process).catch((error: unknown) => {
      if (!process.isDead) this.#options.ledger.violated("every process starts", `${who.name}: ${String(error)}`);
    });
  }

  kill(who: Restartable): void {
    if (who.process.isDead) return;
    this.#options.ledger.note(who.name, "is killed");
    who.process.kill();
  }

  set storeAway(away: boolean) {
    this.#storeAway = away;
  }

  /** Ends everything where it is. */
  async close(): Promise<void> {
    for (const { process } of this.processes) process.kill();
    await this.store.close();
  }

  /** How a client outside of all processes reaches a host's libvirtd. */
  connectionOptions(process: SimulatedProcess): ConnectionOptions {
    const { clock, random } = this.#options;
    return {
      keepalive: { intervalMs: 0, count: 0 },
      startTimer: (ms, run) => clock.after(ms, () => process.reach(run)),
      dial: (address) =>
        process.deal(1, async () => {
          const path = address.transport === "unix" ? address.socketPath : address.host;
          const host = this.fleet.hosts.find(({ name, socketPath }) => socketPath === path || name === path);
          if (host === undefined) throw new DroverError("internal", `no host listens at ${path}`);
          if (!this.fleet.answers(host.name)) {
            throw new DroverError("unavailable", `libvirtd at ${path} cannot be reached`);
          }
          const [client, server] = memoryConnection(clock, random, () => process.touch());
          process.onKill(() => client.destroy());
          if (process.isDead) client.destroy();
          this.fleet.accept(host.name, server);
          return client;
        }),
    };
  }

  #restartable(name: string, start: (process: SimulatedProcess) => Promise<unknown>): Restartable {
    return { name, process: this.#newProcess(name), start };
  }

  #newProcess(name: string): SimulatedProcess {
    return new SimulatedProcess(name, this.#options.clock, this.#options.random);
  }

  #surroundings(process: SimulatedProcess) {
    const { clock, random, loggerOf } = this.#options;
    const bus = processBus({ broker: this.broker, process, clock, random, weather: this.weather });
    const logger = loggerOf?.(process.name) ?? silentLogger;
    const store = throughProcess(this.store, (operation, work) =>
      process.deal(STORE_MS, () => this.#unlessAway(operation, work)),
    );
    const progress = throughProcess(this.#progress, (_, work) => process.deal(CACHE_MS, work));
    return { bus, logger, store, progress, clock: process.clock };
  }

  /** A database that goes away may have done what it was last asked, and cannot say so any more. */
  async #unlessAway(operation: string, work: () => Promise<unknown>): Promise<unknown> {
    const away = new DroverError("unavailable", `${operation}: the database is away`);
    if (!this.#storeAway) return await work();
    if (this.#options.random.chance(0.1)) await work();
    throw away;
  }

  async #runAgent(process: SimulatedProcess, host: string, disk: MemoryDisk): Promise<void> {
    const { uri, peerUri } = this.fleet.host(host);
    const config = computeConfig.parse({ host, libvirt_uri: uri, libvirt_migration_uri: peerUri });
    await startComputeAgent({
      ...this.#surroundings(process),
      config: { ...config, state_path: process.name },
      stateFile: disk.file(process),
      libvirt: this.connectionOptions(process),
      resolveAddress: async () => [],
      hostFiles: noFiles,
      knock: noKnock,
    });
  }

  async #runConductor(process: SimulatedProcess): Promise<void> {
    const { policy } = this.#options;
    await startConductor({ ...this.#surroundings(process), policy, config: conductorConfig.parse({}) });
  }

  async #runScheduler(process: SimulatedProcess): Promise<void> {
    await startScheduler({ ...this.#surroundings(process), config: schedulerConfig.parse({}) });
  }
}

const WRITES = new Set(["migrations.create", "migrations.update", "migrations.takeSourceSlot"]);

function isMigration(value: unknown): value is Migration {
  return typeof value === "object" && value !== null && "generation" in value && "state" in value;
}
