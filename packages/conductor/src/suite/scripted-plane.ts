/**
 * A conductor over a real store and a real bus, with agents and a scheduler that answer what the test scripted. The
 * agents' own behaviour is tested against libvirt; here they stand at the contract's boundary.
 */
import { type Bus, handle, openInProcessBus, type RpcHandler } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  checkDestinationReach,
  endStorageProof,
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationTune,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  selectDestinations,
} from "@drover/contracts";
import {
  type Clock,
  type DiskToMove,
  defaultPolicy,
  type EliminatedHost,
  type GuestStanding,
  type Migration,
  type MigrationState,
  type ObservedGuest,
  silentLogger,
  systemClock,
} from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { openSqliteStore, type Store } from "@drover/store";
import { conductorConfig } from "../config.ts";
import { startConductor } from "../start-conductor.ts";

type OutcomeReport = ReturnType<(typeof reportMigrationOutcome.request)["parse"]>;

export const guest: ObservedGuest = {
  uuid: "6f6e0c5c-0000-4000-8000-000000000001",
  name: "web",
  powerState: "running",
  persistent: true,
  vcpus: 1,
  memoryKiB: 262_144,
  migrating: false,
};

/** A second guest on the same host. */
export const otherGuest: ObservedGuest = { ...guest, uuid: "6f6e0c5c-0000-4000-8000-000000000002", name: "db" };

/** What an agent does when a contract calls it; missing ones answer that all is well. */
export interface AgentScript {
  readonly sourceChecks?: readonly { check: string; passed: boolean; message: string }[];
  readonly destinationChecks?: readonly { check: string; passed: boolean; message: string }[];
  /** Of the guest. @default it has none that must be told */
  readonly disks?: readonly DiskToMove[];
  /** @default 1 GiB */
  readonly memoryAvailableKiB?: number;
  /** Of whatever destination it is to reach. */
  readonly reachChecks?: readonly { check: string; passed: boolean; message: string }[];
  readonly prepare?: (signal: AbortSignal) => Promise<void>;
  readonly start?: (command: StartCommand, agent: ScriptedAgent) => Promise<void>;
  readonly abort?: (command: StartCommand, agent: ScriptedAgent) => Promise<void>;
  /** How it stands with the guest; a list is answered one after the other, the last of it from then on. */
  readonly found?: Found | readonly Found[];
  readonly postAtDestination?: () => Promise<void>;
  readonly rollbackAtDestination?: (command: { readonly broughtDefinition: string }) => Promise<void>;
  readonly rollbackAtSource?: (command: { readonly mayResume: boolean; readonly stayed: boolean }) => Promise<void>;
  readonly release?: (command: { readonly removeRemnant: boolean }) => Promise<void>;
}

/** What the scheduler answers, whatever it is asked; beta alone by default. */
export interface SchedulerScript {
  readonly candidates?: readonly string[];
  readonly eliminated?: readonly EliminatedHost[];
}

export interface Found {
  readonly standing: GuestStanding;
  readonly job?: "none" | "outgoing" | "incoming";
  readonly steering?: boolean;
  readonly known?: { readonly generation: number; readonly destinationHost: string; readonly outcome: null } | null;
  readonly recordsSeenAtMs?: number;
}

interface StartCommand {
  readonly migrationUuid: string;
  readonly generation: number;
}

/** One scripted host; `received` is every method it was asked, in order. */
class ScriptedAgent {
  readonly received: string[] = [];
  readonly host: string;
  readonly #bus: Bus;
  readonly #script: AgentScript;
  #sequence = 0;
  #asked = 0;
  readonly #startGenerations = new Map<string, number>();

  constructor(host: string, bus: Bus, script: AgentScript) {
    this.host = host;
    this.#bus = bus;
    this.#script = script;
  }

  async report(
    migrationUuid: string,
    event: "started" | "post-copy" | "abort-sent" | "abort-refused" | "force-complete-sent" | "tuned",
    answers?: number,
  ): Promise<void> {
    const named = answers === undefined ? {} : { answers };
    await this.#bus.call(reportMigrationEvent, { ...this.#header(migrationUuid), event, message: event, ...named });
  }

  async outcome(migrationUuid: string, outcome: Pick<OutcomeReport, "outcome" | "cause">): Promise<void> {
    const rest = { error: null, progress: null };
    await this.#bus.call(reportMigrationOutcome, { ...this.#header(migrationUuid), ...outcome, ...rest });
  }

  #header(migrationUuid: string) {
    this.#sequence += 1;
    const generation = this.#startGenerations.get(migrationUuid) ?? 0;
    return { migrationUuid, generation, host: this.host, sequence: this.#sequence };
  }

  async serve(): Promise<void> {
    await this.#bus.serve({ topic: "compute", server: this.host, handlers: this.#work() });
    await this.#bus.serve({ topic: "compute-control", server: this.host, handlers: this.#control() });
  }

  #work(): readonly RpcHandler[] {
    const script = this.#script;
    return [
      handle(checkCanLiveMigrateSource, async () => {
        this.received.push("check-source");
        return {
          checks: [...(script.sourceChecks ?? [])],
          requirements: {
            memoryKiB: guest.memoryKiB,
            vcpus: 1,
            cpuXml: null,
            virtType: "qemu",
            machineType: "pc",
            hypervisorVersion: 7_002_000,
            hostUuid: "6f6e0c5c-0000-4000-8000-00000000000a",
            disks: [...(script.disks ?? [])],
          },
        };
      }),
      handle(proveStorage, async ({ folders }) => {
        this.received.push(`prove ${folders.join(" ")}`);
        return { proofs: folders.map((folder) => ({ folder, name: "drover-proof-1", content: "00" })) };
      }),
      handle(endStorageProof, async () => {
        this.received.push("end-proof");
      }),
      handle(checkCanLiveMigrateDestination, async ({ requirements: { proofs = [] } }) => {
        this.received.push(["check-destination", ...proofs.map(({ folder }) => folder)].join(" "));
        return {
          checks: [...(script.destinationChecks ?? [])],
          memoryAvailableKiB: script.memoryAvailableKiB ?? 1_048_576,
        };
      }),
      handle(checkDestinationReach, async () => ({ checks: [...(script.reachChecks ?? [])] })),
      handle(preLiveMigration, async ({ proofs = [] }, { signal }) => {
        this.received.push(["prepare", ...proofs.map(({ folder }) => folder)].join(" "));
        await script.prepare?.(signal);
        return { libvirtUri: `qemu+tcp://${this.host}/system`, inboundAddress: this.host };
      }),
      handle(liveMigration, async (command) => {
        this.received.push("start");
        this.#startGenerations.set(command.migrationUuid, command.generation);
        await script.start?.(command, this);
      }),
      handle(postLiveMigrationAtDestination, async () => {
        this.received.push("finish");
        await script.postAtDestination?.();
        return {};
      }),
      handle(postLiveMigration, async (command) => {
        await script.release?.(command);
        return this.#noted("release");
      }),
      handle(rollbackLiveMigrationAtDestination, async (command) => {
        await script.rollbackAtDestination?.(command);
        return this.#noted("rollback-destination");
      }),
      handle(rollbackLiveMigration, async (command) => {
        await script.rollbackAtSource?.(command);
        return this.#noted("rollback-source");
      }),
    ];
  }

  #control(): readonly RpcHandler[] {
    return [
      handle(liveMigrationAbort, async (command) => {
        this.received.push("abort");
        await this.#script.abort?.(command, this);
      }),
      handle(liveMigrationForceComplete, async () => {
        this.received.push("force-complete");
      }),
      handle(liveMigrationTune, async ({ number, bandwidthMiBps, downtimeMs }) => {
        this.received.push(`tune ${number} ${bandwidthMiBps} ${downtimeMs}`);
      }),
      handle(findGuest, async () => {
        this.received.push("find");
        const list: readonly Found[] = [this.#script.found ?? { standing: "absent" as const }].flat();
        const found = list[Math.min(this.#asked, list.length - 1)];
        this.#asked += 1;
        const unsaid = { guest: null, standing: "absent", job: "none", steering: false, known: null } as const;
        return { ...unsaid, recordsSeenAtMs: 0, ...found };
      }),
    ];
  }

  #noted(what: string): Record<string, never> {
    this.received.push(what);
    return {};
  }
}

export interface Plane {
  readonly bus: Bus;
  readonly store: Store;
  readonly alpha: ScriptedAgent;
  readonly beta: ScriptedAgent;
  /** Resolves with the record once it is in `state`. */
  until(uuid: string, ...states: readonly MigrationState[]): Promise<Migration>;
  /** Ends the conductor as a drain does, or starts another over the same records. */
  stopConductor(): Promise<void>;
  startConductor(): Promise<void>;
  close(): Promise<void>;
}

export interface PlaneScripts {
  readonly alpha?: AgentScript;
  readonly beta?: AgentScript;
  /** An agent that answers, of a host that never reported. @default none */
  /** Further hosts, by name. */
  readonly others?: Readonly<Record<string, AgentScript>>;
  readonly scheduler?: SchedulerScript;
}

/**
 * `web` and `db` run on alpha; beta is the only other host.
 *
 * @param clock The conductor's.
 */
export async function startPlane(
  scripts: PlaneScripts = {},
  config: Readonly<Record<string, number>> = {},
  clock: Clock = systemClock,
): Promise<Plane> {
  const bus = openInProcessBus({ logger: silentLogger, clock: systemClock });
  const store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  const alpha = new ScriptedAgent("alpha", bus, scripts.alpha ?? {});
  const beta = new ScriptedAgent("beta", bus, scripts.beta ?? {});
  await alpha.serve();
  await beta.serve();
  for (const [host, script] of Object.entries(scripts.others ?? {})) await new ScriptedAgent(host, bus, script).serve();
  await bus.serve({
    topic: "scheduler",
    server: "scheduler-1",
    handlers: [
      handle(selectDestinations, async ({ limit }) => {
        const { candidates = ["beta"], eliminated = [] } = scripts.scheduler ?? {};
        return {
          candidates: candidates.slice(0, limit).map((host) => ({ host, weight: 1, weights: [] })),
          passed: candidates.length,
          eliminated: eliminated.slice(0, limit),
          fellOut: eliminated.length,
        };
      }),
    ],
  });
  const conduct = () =>
    startConductor({
      bus,
      store,
      progress,
      clock,
      logger: silentLogger,
      config: conductorConfig.parse(config),
      policy: defaultPolicy,
    });
  let conductor = await conduct();
  for (const host of ["alpha", "beta"]) {
    await bus.call(reportHost, {
      facts: factsOf(host),
      agentVersion: "test",
      guests: host === "alpha" ? [guest, otherGuest] : [],
      recordsSeenAtMs: 0,
      sequence: 0,
    });
  }
  return {
    bus,
    store,
    alpha,
    beta,
    until: (uuid, ...states) => untilState(store, uuid, states),
    stopConductor: () => conductor.stop(),
    startConductor: async () => {
      conductor = await conduct();
    },
    close: async () => {
      await conductor.stop();
      await bus.close();
      await progress.close();
      await store.close();
    },
  };
}

async function untilState(store: Store, uuid: string, states: readonly MigrationState[]): Promise<Migration> {
  const deadline = performance.now() + 30_000;
  let migration = await store.migrations.get(uuid);
  while (migration === undefined || !states.includes(migration.state)) {
    if (performance.now() > deadline)
      throw new Error(`${uuid} is ${migration?.state}, waited for ${states.join(" or ")}`);
    await systemClock.sleep(5);
    migration = await store.migrations.get(uuid);
  }
  return migration;
}

function factsOf(host: string) {
  return {
    host,
    hostUuid: `6f6e0c5c-0000-4000-8000-00000000000${host === "alpha" ? "a" : "b"}`,
    hypervisorType: "QEMU",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    cpuArch: "x86_64",
    cpuModel: "qemu64",
    cpus: 2,
    memoryKiB: 1_048_576,
    inboundAddress: host,
    libvirtUri: `qemu+tcp://${host}/system`,
  };
}
