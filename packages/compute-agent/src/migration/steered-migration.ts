import { isLibvirtError, type JobStats, VIR_DOMAIN_EVENT, VIR_DOMAIN_EVENT_SUSPENDED_DETAIL } from "@drover/libvirt";
import {
  type Clock,
  errorChain,
  type ForceCompleteMethod,
  isDroverError,
  type Logger,
  type MigrationNumbers,
  type MigrationProgress,
} from "@drover/model";
import type { Journal } from "../journal/journal.ts";
import type { EndedMigration, JournalEntry } from "../journal/journal-entry.ts";
import { domainOf, isLeftInPostCopy, standingOf, unlessGone } from "../libvirt/guest-facts.ts";
import type { LibvirtLink, LinkEvent } from "../libvirt/libvirt-link.ts";
import { CopyCommands, type CopyPhase } from "./copy-commands.ts";
import type { CopySpan } from "./copy-span.ts";
import { isOutgoingMigration } from "./job-reading.ts";
import { migrateArguments, permitsPostCopy } from "./migrate-call.ts";
import type { MigrationGauges } from "./migration-gauges.ts";
import type { MigrationEventReport, MigrationReports } from "./migration-reports.ts";
import { type AskedLimits, PolicyKeeper } from "./policy-keeper.ts";
import type { PollRhythm } from "./poll-rhythm.ts";
import type { ProgressPublisher } from "./progress-publisher.ts";
import { progressSnapshot, type SnapshotContext } from "./progress-snapshot.ts";
import { type Performed, type SettledEnd, settleEnd } from "./settle-end.ts";

export interface SteeringDependencies {
  readonly link: LibvirtLink;
  readonly journal: Journal;
  readonly reports: MigrationReports;
  readonly publisher: ProgressPublisher;
  readonly rhythm: PollRhythm;
  readonly gauges: MigrationGauges;
  readonly span: CopySpan;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Job stats are read this often, ms; more often until memory moves, since commands and the record wait for that. */
const POLL_MS = 500;
const STARTING_POLL_MS = 50;
/** So many decisions of one migration are told; a policy has a hundred downtime steps and 32 of a schedule at most. */
const MOST_DECISIONS = 200;
/** Steering that failed is begun again after this, ms. */
const STEER_AGAIN_MS = 1_000;
/** A start call whose answer was lost may still reach libvirt: without a job for so long, ms, it did not. */
const NEVER_SEEN_MS = 5_000;
/** Snapshots are numbered upwards over restarts, as reports are. */
const NUMBERS_PER_INCARNATION = 1_000_000;

/**
 * One migration that this host's guest leaves by: its start call, its control loop, its end.
 *
 *     starting ──▶ copying ──▶ ended
 *                     └──▶ post-copy ──▶ ended
 *
 * The loop reads job stats and acts on them; it never waits for the bus, the cache or the conductor. The start call's
 * answer ends it; where that cannot come (after a restart, a broken connection) the end of libvirt's job does.
 */
export class SteeredMigration {
  readonly #dependencies: SteeringDependencies;
  readonly #logger: Logger;
  readonly #completed = Promise.withResolvers<JobStats>();
  readonly #concluded = Promise.withResolvers<void>();
  readonly #commands: CopyCommands;
  readonly #policy: PolicyKeeper;
  #entry: JournalEntry;
  #phase: CopyPhase = "starting";
  #performed: Performed | undefined;
  #seen = false;
  #isOver = false;
  #memoryMoves = false;
  /** Disks are copied before memory, and for longer: nobody needs them polled as a start is. */
  #disksMove = false;
  #brokenPostCopy = false;
  #lastProgress: MigrationProgress | null = null;
  #decisions = 0;
  /** Asked for before memory moved: the newest request stands for those before it. */
  #waitingLimits: { readonly number: number; readonly limits: AskedLimits } | undefined;
  #progressSequence: number;
  #wake = new AbortController();

  constructor(entry: JournalEntry, dependencies: SteeringDependencies) {
    this.#entry = entry;
    this.#dependencies = dependencies;
    this.#progressSequence = entry.incarnation * NUMBERS_PER_INCARNATION;
    this.#logger = dependencies.logger.child({
      migrationId: entry.migrationUuid,
      server: entry.serverName,
      destination: entry.destinationHost,
    });
    this.#commands = this.#makeCommands();
    this.#policy = this.#makePolicy(this.#commands);
  }

  /** Resolves when the copy has ended and its outcome is in the journal; also when the agent stops. */
  get concluded(): Promise<void> {
    return this.#concluded.promise;
  }

  get entry(): JournalEntry {
    return this.#entry;
  }

  /**
   * Starts the copy and steers it to its end; resolves then, or when the agent stops. Never rejects.
   *
   * @param definition The guest's definition on the destination, where it differs from the one here.
   */
  async start(definition?: string): Promise<void> {
    const { link } = this.#dependencies;
    const { flags, params } = migrateArguments(this.#entry.flags, definition);
    this.#logger.info({ flags: this.#entry.flags.map((flag) => flag.name) }, "starting the migration");
    link.migrate(domainOf(this.#entry), this.#entry.destination.libvirtUri, params, flags).then(
      () => this.#answered({ kind: "succeeded" }),
      (error: unknown) => this.#answered(libvirtNeverGoesOn(error) ? { kind: "refused", error } : { kind: "not-seen" }),
    );
    await this.#steer();
  }

  /** Goes on with a copy that an earlier process of this agent started, its policy still in force. Never rejects. */
  async takeUp(): Promise<void> {
    this.#logger.info({ incarnation: this.#entry.incarnation }, "taking up a migration again");
    this.#performed = { kind: "not-seen" };
    await this.#steer();
  }

  /** Calls the copy off; what became of it is reported. Never rejects. */
  async abort(): Promise<void> {
    await this.#commands.abort("request");
  }

  /** Calls the copy off for a rollback: once, however often it is asked, and not when it has ended. Never rejects. */
  callOff(): Promise<void> {
    return this.#commands.callOff();
  }

  /** Completes the copy whatever the standstill; what became of it is reported. Never rejects. */
  async forceComplete(method: ForceCompleteMethod | null): Promise<void> {
    await this.#commands.forceComplete("request", method);
    this.#wake.abort();
  }

  /** Sets other limits; what became of it is reported, with the number of the request. Never rejects. */
  async tune(number: number, limits: AskedLimits): Promise<void> {
    // Before memory moves libvirt has yet to give QEMU the start's own limits, which would go over these (seen with 9.0).
    if (this.#phase !== "ended" && !this.#memoryMoves) {
      this.#waitingLimits = { number, limits };
      return;
    }
    if (this.#phase === "ended")
      return this.#report("tune-refused", "the migration has already ended", { answers: number });
    try {
      this.#report("tuned", await this.#policy.tune(limits), { answers: number });
    } catch (error) {
      this.#report("tune-refused", `not changed: ${errorChain(error)}`, { answers: number });
    }
  }

  #makeCommands(): CopyCommands {
    const current = {
      entry: () => this.#entry,
      phase: () => this.#phase,
      moves: () => this.#memoryMoves,
      isOver: () => this.#isOver,
    };
    return new CopyCommands({
      link: this.#dependencies.link,
      get entry() {
        return current.entry();
      },
      get phase() {
        return current.phase();
      },
      get memoryMoves() {
        return current.moves();
      },
      get isOver() {
        return current.isOver();
      },
      note: (change) => this.#note(change),
      answer: (event, message) => this.#report(event, message),
    });
  }

  async #setWaitingLimits(): Promise<void> {
    const waiting = this.#waitingLimits;
    this.#waitingLimits = undefined;
    if (waiting !== undefined) await this.tune(waiting.number, waiting.limits);
  }

  #makePolicy(commands: CopyCommands): PolicyKeeper {
    const { link } = this.#dependencies;
    const current = { entry: () => this.#entry, phase: () => this.#phase };
    return new PolicyKeeper({
      ...{ link, commands, logger: this.#logger },
      get entry() {
        return current.entry();
      },
      get phase() {
        return current.phase();
      },
      note: (change) => this.#note(change),
      decided: (message, numbers) => this.#decided(message, numbers),
    });
  }

  /** Bounded: a policy that decides without end is not told of without end. */
  #decided(message: string, numbers: MigrationNumbers): void {
    this.#decisions += 1;
    if (this.#decisions > MOST_DECISIONS) return;
    const last = this.#decisions === MOST_DECISIONS ? " (the last decision that is recorded)" : "";
    this.#report("decision", `${message}${last}`, { numbers: { ...numbers } });
  }

  async #steer(): Promise<void> {
    const { clock, link, signal } = this.#dependencies;
    const unlisten = link.listen((event) => this.#onEvent(event));
    while (!signal.aborted && this.#phase !== "ended") {
      try {
        await this.#follow();
        if (!signal.aborted) await this.#conclude();
      } catch (err) {
        if (signal.aborted) break;
        // A migration that nobody steers would never be told of: whatever this was, it is looked at anew.
        this.#logger.error({ err }, "steering a migration failed; trying again");
        await clock.sleep(STEER_AGAIN_MS, signal).catch(() => {});
      }
    }
    this.#concluded.resolve();
    unlisten();
  }

  /** Resolves when the copy is over, as far as can be seen from here; or when the agent stops. */
  async #follow(): Promise<void> {
    const { clock, signal } = this.#dependencies;
    const sinceMs = clock.monotonicMs();
    while (!signal.aborted) {
      const job = await this.#look();
      if (this.#performed !== undefined && this.#performed.kind !== "not-seen") return;
      const mayStillBegin = !this.#seen && clock.monotonicMs() - sinceMs < NEVER_SEEN_MS;
      if (this.#performed !== undefined && job === "over" && !mayStillBegin) return;
      // libvirt shows the job of a broken post-copy as if it went on; without the start call nothing else would tell.
      if (this.#performed !== undefined && this.#brokenPostCopy) return;
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    const { clock, rhythm, signal } = this.#dependencies;
    // An answer that came during the look must not wait for the next poll.
    if (this.#performed !== undefined && this.#performed.kind !== "not-seen") return;
    this.#wake = new AbortController();
    const isStarting = this.#phase === "starting" || !(this.#memoryMoves || this.#disksMove);
    const waitMs = isStarting ? STARTING_POLL_MS : rhythm.untilTickMs(POLL_MS);
    await clock.sleep(waitMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
  }

  #answered(performed: Performed): void {
    this.#performed = performed;
    this.#wake.abort();
  }

  #onEvent(event: LinkEvent): void {
    if (event.type === "everything-changed" || event.dom.uuid !== this.#entry.serverUuid) return;
    if (event.type === "job-completed") {
      this.#completed.resolve(event.stats);
      this.#wake.abort();
    }
    // By event too: a small guest's post-copy is over before the next poll.
    if (event.type === "lifecycle" && isSwitchToPostCopy(event)) this.#enterPostCopy();
  }

  /** One look at libvirt's job, and what follows from it. */
  async #look(): Promise<"active" | "over" | "unclear"> {
    let stats: JobStats | null;
    try {
      stats = await unlessGone(this.#dependencies.link.jobStats(domainOf(this.#entry)));
    } catch (error) {
      // "domain is not running": only the definition of a guest that left is still here.
      if (isLibvirtError(error, "VIR_ERR_OPERATION_INVALID")) return "over";
      this.#logger.debug({ err: error }, "job stats could not be read");
      return "unclear";
    }
    if (stats !== null && isOutgoingMigration(stats)) {
      await this.#observe(stats);
      return "active";
    }
    await this.#commands.retry();
    return "over";
  }

  async #observe(stats: JobStats): Promise<void> {
    this.#seen = true;
    this.#memoryMoves ||= (stats.memoryTotalBytes ?? 0) > 0;
    this.#disksMove ||= (stats.diskTotalBytes ?? 0) > 0;
    if (this.#phase === "starting") {
      this.#phase = "copying";
      this.#reportStarted();
    }
    const guest = await this.#guestDuringCopy();
    if (this.#memoryMoves) await this.#setWaitingLimits();
    await this.#policy.raiseDowntime(stats);
    this.#publish(stats, guest);
    await this.#commands.retry();
    await this.#policy.act(stats);
  }

  /** Only a copy that may switch is asked each time whether it has: one more question per poll. */
  async #guestDuringCopy(): Promise<SnapshotContext["guest"]> {
    if (!permitsPostCopy(this.#entry.flags)) return this.#entry.suspended ? "paused" : "running";
    try {
      const state = await this.#dependencies.link.questions.domain.getState(domainOf(this.#entry));
      if (isLeftInPostCopy(state)) this.#enterPostCopy();
      this.#brokenPostCopy = standingOf(state) === "post-copy-broken";
    } catch (err) {
      this.#logger.debug({ err }, "whether the copy has switched to post-copy could not be asked");
    }
    return this.#phase === "post-copy" ? "post-copy" : "running";
  }

  #enterPostCopy(): void {
    if (this.#phase !== "copying") return;
    this.#phase = "post-copy";
    this.#report("post-copy", "the guest runs on the destination; its memory follows");
  }

  #publish(stats: JobStats, guest: SnapshotContext["guest"]): void {
    this.#lastProgress = this.#snapshot(stats, guest);
    this.#dependencies.publisher.offer(this.#lastProgress);
    this.#dependencies.gauges.show(this.#entry, this.#lastProgress);
    this.#dependencies.span.progress(this.#lastProgress);
  }

  #snapshot(stats: JobStats, guest: SnapshotContext["guest"]): MigrationProgress {
    this.#progressSequence += 1;
    return progressSnapshot(stats, {
      migrationUuid: this.#entry.migrationUuid,
      sequence: this.#progressSequence,
      observedAtMs: this.#dependencies.clock.now().getTime(),
      downtimeLimitMs: this.#policy.downtimeLimitMs,
      guest,
    });
  }

  async #conclude(): Promise<void> {
    const { clock, link, signal } = this.#dependencies;
    this.#isOver = true;
    await this.#commands.answered();
    const end = await settleEnd({
      entry: this.#entry,
      abortInDoubt: this.#commands.abortInDoubt ?? this.#policy.abortInDoubt,
      performed: this.#performed ?? { kind: "not-seen" },
      seen: this.#seen,
      completed: this.#completed.promise,
      link,
      clock,
      logger: this.#logger,
      signal,
    });
    // A copy too short to be seen copying has begun all the same, and the record moves on by that event.
    if (this.#phase === "starting" && end.outcome !== "stayed") this.#reportStarted();
    if (end.guest === "left-in-post-copy") this.#report("post-copy-paused", end.reason);
    this.#phase = "ended";
    this.#commands.end(end.stopped);
    await this.#setWaitingLimits();
    if (end.stats !== undefined && end.outcome === "arrived") this.#publish(end.stats, "running");
    await this.#reportOutcome(end);
  }

  /** On disk before it is sent: what the conductor has not acknowledged is sent again after a restart. */
  async #reportOutcome(end: SettledEnd): Promise<void> {
    const { outcome, cause, error } = end;
    this.#dependencies.span.outcome(end, this.#lastProgress);
    const { journal, reports, clock } = this.#dependencies;
    const ended: EndedMigration = {
      outcome,
      cause,
      error,
      progress: this.#lastProgress,
      acknowledged: false,
      atMs: clock.now().getTime(),
    };
    const { migrationUuid, generation, flags } = this.#entry;
    await journal.end(migrationUuid, ended).catch((err: unknown) => {
      this.#logger.error({ err }, "the outcome could not be kept for a restart; it is reported all the same");
    });
    this.#concluded.resolve();
    const { progress } = ended;
    const taken = await reports.outcome({ generation, outcome, cause, error, flags: [...flags], progress });
    if (taken) await journal.acknowledge(migrationUuid);
  }

  #reportStarted(): void {
    this.#report("started", "libvirt copies the guest's memory", { flags: [...this.#entry.flags] });
  }

  #report(
    event: MigrationEventReport["event"],
    message: string,
    more: Pick<MigrationEventReport, "flags" | "numbers" | "answers"> = {},
  ): void {
    this.#logger.info({ event, message }, "migration event");
    this.#dependencies.span.event(event, message, more.numbers);
    const { generation } = this.#entry;
    this.#dependencies.reports.event({ generation, event, message, ...more });
  }

  async #note(change: Partial<JournalEntry>): Promise<boolean> {
    this.#entry = { ...this.#entry, ...change };
    try {
      await this.#dependencies.journal.update(this.#entry.migrationUuid, change);
      return true;
    } catch (err) {
      this.#logger.error({ err, change }, "a change could not be kept for a restart");
      return false;
    }
  }
}

/** The source's processors stopped because they run on the destination now (1.3.3). */
function isSwitchToPostCopy({ event, detail }: { readonly event: number; readonly detail: number }): boolean {
  const { VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY } = VIR_DOMAIN_EVENT_SUSPENDED_DETAIL;
  return event === VIR_DOMAIN_EVENT.VIR_DOMAIN_EVENT_SUSPENDED && detail === VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY;
}

/** An answer of libvirtd, or a failure before it was asked; anything else leaves a copy behind that may go on. */
function libvirtNeverGoesOn(error: unknown): boolean {
  return isLibvirtError(error) || isDroverError(error, "unavailable") || isDroverError(error, "refused");
}
