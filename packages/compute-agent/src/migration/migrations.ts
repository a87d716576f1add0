import { currentTraceparent } from "@drover/bus";
import type {
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
  rollbackLiveMigration,
} from "@drover/contracts";
import { VIR_DOMAIN_XML } from "@drover/libvirt";
import {
  type Clock,
  DroverError,
  errorChain,
  errorCodeOf,
  type HostFacts,
  isActive,
  type Logger,
  serializeError,
} from "@drover/model";
import type { ComputeConfig } from "../compute-config.ts";
import { type DestinationDefinition, destinationDefinition } from "../guest/destination-definition.ts";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { readGuestTraits } from "../guest/guest-traits.ts";
import type { Journal } from "../journal/journal.ts";
import type { EndedMigration, JournalEntry } from "../journal/journal-entry.ts";
import { domainOf, readGuest, unlessGone } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { refuseUnprepared } from "../storage/refuse-unprepared.ts";
import { withVolumes } from "../storage/volume-disks.ts";
import type { HostFiles } from "../tls/host-files.ts";
import { readQemuCertificates } from "../tls/qemu-certificates.ts";
import { canLockMemory } from "./can-lock-memory.ts";
import type { CommandFence } from "./command-fence.ts";
import { CopySpan } from "./copy-span.ts";
import { inferFlags } from "./infer-flags.ts";
import type { MigrationGauges } from "./migration-gauges.ts";
import { MigrationReports, type MigrationReportsOptions } from "./migration-reports.ts";
import type { PollRhythm } from "./poll-rhythm.ts";
import type { ProgressPublisher } from "./progress-publisher.ts";
import { resumePostCopy } from "./resume-post-copy.ts";
import { SteeredMigration } from "./steered-migration.ts";

export type StartCommand = ReturnType<typeof liveMigration.request.parse>;
export type RollbackCommand = ReturnType<typeof rollbackLiveMigration.request.parse>;
type ForceCommand = ReturnType<typeof liveMigrationForceComplete.request.parse>;
type TuneCommand = ReturnType<typeof liveMigrationTune.request.parse>;
type ResumeCommand = ReturnType<typeof liveMigrationResume.request.parse>;
export type ControlCommand = ReturnType<typeof liveMigrationAbort.request.parse>;

export interface MigrationsOptions {
  readonly link: LibvirtLink;
  readonly journal: Journal;
  readonly publisher: ProgressPublisher;
  readonly rhythm: PollRhythm;
  readonly gauges: MigrationGauges;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reports: Omit<MigrationReportsOptions, "signal" | "onUnknown">;
  readonly signal: AbortSignal;
  readonly fence: CommandFence;
  readonly config: ComputeConfig;
  readonly hostFiles: HostFiles;
  /** What this host is; of its versions those of the libvirtd that is connected. */
  readonly readFacts: () => Promise<Pick<HostFacts, "hypervisorVersion" | "libvirtVersion">>;
  /** The conductor has no record of this migration. */
  readonly onUnknown: (migrationUuid: string) => void;
  /** A guest began or ended its migration: what is reported of it has changed. */
  readonly onChange: (serverUuid: string) => void;
}

/** What is remembered of a migration while the agent runs, also of one that it never started. */
interface Known {
  /**
   * The newest request that its copy was given, by its refusal's name: when it was asked for, its number. Sent again it is the same
   * one, under whatever generation: the record is written meanwhile, by each decision of the policy for instance. A second
   * answer would hide the first.
   */
  readonly obeyed: Map<Refusal, string | number>;
  readonly reports: MigrationReports;
}

/** A start that is being written down: the commands that came meanwhile, and its end, also when it fails. */
interface Starting {
  readonly serverUuid: string;
  readonly commands: ((migration: SteeredMigration) => Promise<void>)[];
  readonly done: Promise<void>;
}

type Refusal = "abort-refused" | "force-complete-refused" | "tune-refused" | "resume-refused";

const KNOWN_LIMIT = 2_000;

/**
 * All migrations that guests of this host leave by. Commands may come late, twice or out of order (the bus promises no
 * better): one that is late or older than what was seen changes nothing and says so; a repeated one changes nothing.
 */
export class Migrations {
  readonly #options: MigrationsOptions;
  readonly #steered = new Map<string, SteeredMigration>();
  /** Starts that are being written down, with the commands that came meanwhile. */
  readonly #starting = new Map<string, Starting>();
  /** Broken post-copies that libvirt was asked to go on with. */
  readonly #resuming = new Set<string>();
  readonly #known = new Map<string, Known>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: MigrationsOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier process of this agent left: running copies, and outcomes nobody acknowledged. */
  async takeUp(): Promise<void> {
    const { journal, logger } = this.#options;
    for (const entry of journal.entries()) {
      const taken = { ...entry, incarnation: entry.incarnation + 1 };
      // A full disk must not keep a running copy from being steered.
      await journal.put(taken).catch((err: unknown) => {
        logger.error({ migrationId: taken.migrationUuid, err }, "a migration is taken up that cannot be written down");
      });
      if (taken.ended === null) this.#steer(taken, (migration) => migration.takeUp());
      else if (!taken.ended.acknowledged) this.#track(this.#reportEnded(taken, taken.ended));
    }
  }

  /** The `live_migration` command. Never rejects for what can be reported. */
  async start(command: StartCommand): Promise<void> {
    const { migrationUuid } = command;
    if (this.#steered.has(migrationUuid) || this.#starting.has(migrationUuid)) return;
    const entry = this.#options.journal.get(migrationUuid);
    if (entry !== undefined) return this.#startedBefore(entry);
    const problem = this.#tooLate(command) ?? this.#guestIsBusy(command);
    this.#remember(migrationUuid, command.generation);
    if (problem !== undefined) {
      return this.#neverStarted(command, new DroverError("refused", problem));
    }
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const commands: Starting["commands"] = [];
    this.#starting.set(migrationUuid, { serverUuid: command.serverUuid, commands, done });
    try {
      const { entry: started, definition } = await this.#enter(command);
      const migration = this.#steer(started, (steered) => steered.start(definition?.xml));
      for (const run of commands) void run(migration);
    } catch (error) {
      // On a full disk it stands in memory alone, and would be taken for one that nobody steers.
      await this.#options.journal.drop(migrationUuid);
      this.#neverStarted(command, error);
    } finally {
      this.#starting.delete(migrationUuid);
      resolve();
    }
  }

  /** The `live_migration_abort` command; answered by a report. */
  async abort(command: ControlCommand): Promise<void> {
    const { requestedAtMs = 0 } = command;
    await this.#control(command, "abort-refused", requestedAtMs, (migration) => migration.abort());
  }

  /** The `live_migration_force_complete` command; answered by a report. */
  async forceComplete(command: ForceCommand): Promise<void> {
    const { method = null, requestedAtMs = 0 } = command;
    const request = `${method ?? "any"} at ${requestedAtMs}`;
    await this.#control(command, "force-complete-refused", request, (migration) => migration.forceComplete(method));
  }

  /** The `live_migration_tune` command; answered by a report that has its number. */
  async tune(command: TuneCommand): Promise<void> {
    const { number, bandwidthMiBps, downtimeMs } = command;
    const limits = { bandwidthMiBps, downtimeMs };
    await this.#control(command, "tune-refused", number, (migration) => migration.tune(number, limits), number);
  }

  /**
   * The `live_migration_resume` command: goes on with a post-copy whose link broke. Answered by a report that has its number
   * as soon as the copy goes on, or cannot; its end is reported as that of any copy.
   */
  async resume(command: ResumeCommand): Promise<void> {
    const { migrationUuid, generation, number } = command;
    const entry = this.#options.journal.get(migrationUuid);
    const late = this.#tooLate(command);
    const { reports } = this.#remember(migrationUuid, generation, entry?.incarnation);
    if (this.#resuming.has(migrationUuid)) return;
    const problem = late ?? whyNotResumed(entry);
    if (problem !== undefined || entry === undefined) {
      const about = entry?.generation ?? generation;
      return reports.event({ generation: about, event: "resume-refused", message: problem ?? "", answers: number });
    }
    this.#resuming.add(migrationUuid);
    this.#track(this.#resumeToItsEnd(entry, number, reports).finally(() => this.#resuming.delete(migrationUuid)));
  }

  isSteering(migrationUuid: string): boolean {
    return this.#steered.has(migrationUuid) || this.#starting.has(migrationUuid) || this.#resuming.has(migrationUuid);
  }

  /** One that moves this guest is under way here, or has ended and nobody knows that yet. */
  concerns(serverUuid: string): boolean {
    const left = this.#options.journal
      .entries()
      .some((entry) => entry.serverUuid === serverUuid && !entry.ended?.acknowledged);
    return left || this.#migrationOf(serverUuid) !== undefined;
  }

  /**
   * For a rollback: a copy that is under way all the same is called off. Resolves when the guest has surely stayed. Start
   * commands older than this one are out of date: the fence has seen it.
   *
   * @throws {DroverError} `outcome-unknown` when it may have left.
   */
  async callOff({ migrationUuid, serverName, stayed }: RollbackCommand): Promise<void> {
    await this.#starting.get(migrationUuid)?.done;
    const migration = this.#steered.get(migrationUuid);
    if (migration !== undefined) {
      await migration.callOff();
      await migration.concluded;
    }
    const entry = this.#options.journal.get(migrationUuid);
    if (entry === undefined || entry.ended?.outcome === "stayed") return;
    // What we could not tell by ourselves, both hosts' words have proved.
    if (stayed && entry.ended !== null) {
      return await this.#options.journal.end(migrationUuid, { ...entry.ended, outcome: "stayed" });
    }
    const doing = `calling off the migration of ${serverName}`;
    if (entry.ended === null) throw new DroverError("unavailable", `${doing}: the agent stops before its end`);
    throw new DroverError("outcome-unknown", `${doing}: its outcome is "${entry.ended.outcome}"`);
  }

  /** Sends the outcomes again that no conductor has taken: their records were lost, and are there again. */
  reportAgain(migrationUuid: string): void {
    const entry = this.#options.journal.get(migrationUuid);
    if (entry === undefined || entry.ended === null || entry.ended.acknowledged) return;
    if (this.#known.get(migrationUuid)?.reports.isIdle === false) return;
    this.#track(this.#reportEnded(entry, entry.ended));
  }

  /** Resolves when nothing steers any more; after the signal, soon. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #resumeToItsEnd(entry: JournalEntry, number: number, reports: MigrationReports): Promise<void> {
    const { link, clock, logger, signal, journal } = this.#options;
    const { migrationUuid, generation, serverName } = entry;
    let began = false;
    const goesOn = () => {
      began = true;
      const message = "libvirt goes on with the post-copy";
      reports.event({ generation, event: "post-copy-resumed", message, answers: number });
    };
    logger.info({ migrationId: migrationUuid, server: serverName }, "resuming a broken post-copy");
    try {
      await resumePostCopy({ entry, link, clock, logger, signal }, goesOn);
    } catch (error) {
      // After a restart both hosts are asked; what this process has stopped watching it says nothing of.
      if (signal.aborted) return;
      logger.warn({ migrationId: migrationUuid, err: error }, "a broken post-copy was not resumed to its end");
      const message = errorChain(error);
      const event = began ? "post-copy-paused" : "resume-refused";
      return reports.event({ generation, event, message, ...(began ? {} : { answers: number }) });
    }
    if (!began) goesOn();
    const ended = {
      ...endOf(entry, clock),
      outcome: "arrived" as const,
      cause: null,
      error: null,
      acknowledged: false,
    };
    await journal.end(migrationUuid, ended).catch((err: unknown) => {
      logger.error({ migrationId: migrationUuid, err }, "the outcome could not be kept for a restart; it is reported");
    });
    await this.#reportEnded({ ...entry, ended }, ended);
  }

  /** Looks at the guest, chooses the flags, and writes both down before libvirt is asked. */
  async #enter(
    command: StartCommand,
  ): Promise<{ readonly entry: JournalEntry; readonly definition: DestinationDefinition | null }> {
    const { link, journal, clock, config, hostFiles, readFacts } = this.#options;
    const { serverUuid, serverName, migrationUuid, generation, policy, destination } = command;
    const domain = domainOf(command);
    const { VIR_DOMAIN_XML_MIGRATABLE, VIR_DOMAIN_XML_SECURE } = VIR_DOMAIN_XML;
    const [now, xml, sourceTls, sourceVersions, canLock] = await Promise.all([
      readGuest(link.questions, domain),
      unlessGone(link.questions.domain.getXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE)),
      readQemuCertificates(hostFiles, config.live_migration_with_native_tls),
      readFacts(),
      canLockMemory(hostFiles),
    ]);
    if (now === null || xml === null || !isActive(now.guest.powerState)) {
      throw new DroverError(
        "refused",
        `${serverName} is ${now?.guest.powerState ?? "not on this host"}; it cannot be moved live`,
      );
    }
    const disks = destination.disks ?? [];
    refuseUnprepared(serverName, await withVolumes(link.questions, readGuestDefinition(xml).disks), disks);
    const { consoleAddress = null, networks: there = {} } = destination;
    const networks = { here: config.networks, there };
    const definition = destinationDefinition(xml, { host: command.destinationHost, disks, consoleAddress, networks });
    const inferred = inferFlags({
      persistent: now.guest.persistent,
      paused: now.guest.powerState === "paused",
      guest: readGuestTraits(xml),
      policy,
      destination,
      sourceHost: config.host,
      destinationHost: command.destinationHost,
      sourceTls,
      canLockMemory: canLock,
      versions: [sourceVersions, command.destinationVersions ?? null],
    });
    const flags = [...inferred, ...(definition?.parameters ?? [])];
    const entry: JournalEntry = {
      migrationUuid,
      generation,
      serverUuid,
      serverName,
      destinationHost: command.destinationHost,
      destination,
      memoryKiB: command.memoryKiB,
      policy,
      flags,
      startedAtMs: clock.now().getTime(),
      traceparent: currentTraceparent() ?? null,
      incarnation: 0,
      suspended: false,
      stopped: null,
      stepsTaken: 0,
      steppedDowntimeMs: null,
      tuned: { bandwidthMiBps: null, downtimeMs: null },
      limitActed: false,
      ended: null,
      settled: false,
    };
    await journal.put(entry);
    return { entry, definition };
  }

  #steer(entry: JournalEntry, run: (migration: SteeredMigration) => Promise<void>): SteeredMigration {
    const { migrationUuid, serverUuid } = entry;
    const reports = this.#remember(migrationUuid, entry.generation, entry.incarnation).reports;
    const span = new CopySpan(entry, this.#options.reports.host);
    const migration = new SteeredMigration(entry, { ...this.#options, reports, span });
    this.#steered.set(migrationUuid, migration);
    this.#options.onChange(serverUuid);
    const steering = span
      .within(() => run(migration))
      .finally(() => {
        span.end();
        this.#steered.delete(migrationUuid);
        this.#options.gauges.forget(migrationUuid);
        this.#options.onChange(serverUuid);
      });
    this.#track(steering);
    return migration;
  }

  /** What fails in it, such as a write to a full disk, ends no more than itself: it is done again by whoever asks again. */
  #track(work: Promise<void>): void {
    const tracked = work
      .catch((err: unknown) => {
        this.#options.logger.error({ err }, "what became of a migration could not be settled");
      })
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** A repeated start of a migration that ended: its outcome answers it, once more. */
  #startedBefore(entry: JournalEntry): void {
    if (entry.ended !== null) this.#track(this.#reportEnded(entry, entry.ended));
  }

  async #reportEnded(entry: JournalEntry, ended: EndedMigration): Promise<void> {
    const { outcome, cause, error, progress } = ended;
    const { generation, flags, migrationUuid } = entry;
    const { reports } = this.#remember(migrationUuid, generation, entry.incarnation);
    const taken = await reports.outcome({ generation, outcome, cause, error, flags: [...flags], progress });
    if (taken) await this.#options.journal.acknowledge(migrationUuid);
  }

  #neverStarted(command: StartCommand, cause: unknown): void {
    const { migrationUuid, generation, serverName } = command;
    const error = new DroverError(errorCodeOf(cause), `starting the migration of ${serverName}`, { cause });
    this.#options.logger.warn({ migrationId: migrationUuid, generation, err: error }, "a migration was not started");
    void this.#remember(migrationUuid, generation).reports.outcome({
      generation,
      outcome: "stayed",
      cause: "never-started",
      error: serializeError(error),
      progress: null,
    });
  }

  async #control(
    command: ControlCommand,
    refusal: Refusal,
    request: string | number,
    run: (migration: SteeredMigration) => Promise<void>,
    answers?: number,
  ): Promise<void> {
    const { migrationUuid, generation } = command;
    const migration = this.#steered.get(migrationUuid);
    const starting = this.#starting.get(migrationUuid);
    const late = this.#tooLate(command);
    const incarnation = this.#options.journal.get(migrationUuid)?.incarnation;
    const { reports, obeyed } = this.#remember(migrationUuid, generation, incarnation);
    if (obeyed.get(refusal) === request) return;
    if (late === undefined && (migration ?? starting) !== undefined) {
      obeyed.set(refusal, request);
      if (migration !== undefined) return run(migration);
      starting?.commands.push(run);
      return;
    }
    const message = late ?? this.#whyNotSteered(migrationUuid);
    this.#options.logger.info({ migrationId: migrationUuid, generation, problem: message }, "a command was refused");
    // The report belongs to the start that it is about, where that is known.
    const about = this.#options.journal.get(migrationUuid)?.generation ?? generation;
    reports.event({ generation: about, event: refusal, message, ...(answers === undefined ? {} : { answers }) });
  }

  #tooLate({ migrationUuid, generation, notAfterMs }: ControlCommand): string | undefined {
    const lateMs = this.#options.clock.now().getTime() - notAfterMs;
    if (lateMs > 0) return `the command came ${lateMs} ms after its time`;
    const newest = this.#options.fence.newest(migrationUuid);
    if (generation < newest) return `the command is of generation ${generation}, and ${newest} was seen before`;
    return undefined;
  }

  #guestIsBusy({ serverUuid, serverName }: StartCommand): string | undefined {
    const other = this.#migrationOf(serverUuid);
    return other === undefined ? undefined : `${serverName} is in migration ${other} already`;
  }

  /** The migration that this guest starts or is in. */
  #migrationOf(serverUuid: string): string | undefined {
    for (const [uuid, { entry }] of this.#steered) if (entry.serverUuid === serverUuid) return uuid;
    for (const [uuid, starting] of this.#starting) if (starting.serverUuid === serverUuid) return uuid;
    return undefined;
  }

  #whyNotSteered(migrationUuid: string): string {
    const ended = this.#options.journal.get(migrationUuid)?.ended;
    return ended ? `the migration has ended already: the guest ${ended.outcome}` : "this agent has not started it";
  }

  #remember(migrationUuid: string, generation: number, incarnation = 0): Known {
    const { signal } = this.#options;
    const known = this.#known.get(migrationUuid) ?? {
      obeyed: new Map(),
      reports: new MigrationReports(migrationUuid, incarnation, {
        ...this.#options.reports,
        signal,
        onUnknown: () => this.#options.onUnknown(migrationUuid),
      }),
    };
    this.#options.fence.note(migrationUuid, generation);
    // Set again, so that the order of the map is that of use and the longest unused is forgotten first.
    this.#known.delete(migrationUuid);
    this.#known.set(migrationUuid, known);
    for (const [oldest, { reports }] of this.#known) {
      if (this.#known.size <= KNOWN_LIMIT) break;
      if (reports.isIdle && !this.#steered.has(oldest)) this.#known.delete(oldest);
    }
    return known;
  }
}

/** Only what this agent's file has as neither arrived nor stayed can be in a broken post-copy. */
function whyNotResumed(entry: JournalEntry | undefined): string | undefined {
  if (entry === undefined) return "this agent has not started it";
  if (entry.ended === null) return "the copy is still steered: its link is not known to be broken";
  return entry.ended.outcome === "unknown"
    ? undefined
    : `the migration has ended already: the guest ${entry.ended.outcome}`;
}

function endOf({ ended }: JournalEntry, clock: Clock): Pick<EndedMigration, "progress" | "atMs"> {
  return { progress: ended?.progress ?? null, atMs: clock.now().getTime() };
}
