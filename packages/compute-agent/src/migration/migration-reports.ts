import type { Bus } from "@drover/bus";
import { reportMigrationEvent, reportMigrationOutcome } from "@drover/contracts";
import { type Clock, errorCodeOf, type Logger } from "@drover/model";
import { backoffMs } from "../backoff.ts";

type EventRequest = ReturnType<typeof reportMigrationEvent.request.parse>;
type OutcomeRequest = ReturnType<typeof reportMigrationOutcome.request.parse>;
type Stamp = "migrationUuid" | "host" | "sequence";

/** What happened, without what this class adds. */
export type MigrationEventReport = Omit<EventRequest, Stamp>;
export type MigrationOutcomeReport = Omit<OutcomeRequest, Stamp>;

export interface MigrationReportsOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: string;
  readonly signal: AbortSignal;
  /** The conductor knows no such migration. */
  readonly onUnknown: () => void;
}

/** Each time a migration is taken up its numbers begin this much higher; 2^31 holds two thousand of them. */
const NUMBERS_PER_INCARNATION = 1_000_000;
const RETRY_FIRST_MS = 250;
const RETRY_MOST_MS = 10_000;
/** Decisions are told for people only: beyond so many waiting reports they are left out. */
const DECISIONS_WAIT_LIMIT = 100;

/**
 * The reports of one migration to the conductor: in order, one at a time, repeated until each is acknowledged, so that
 * nothing is lost while the bus or the conductor is away. Nobody who steers a migration waits for them.
 *
 * A report that the conductor refuses for good (no such migration, malformed) is dropped with a log line.
 */
export class MigrationReports {
  readonly #migrationUuid: string;
  readonly #options: MigrationReportsOptions;
  #sequence: number;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(migrationUuid: string, incarnation: number, options: MigrationReportsOptions) {
    this.#migrationUuid = migrationUuid;
    this.#sequence = incarnation * NUMBERS_PER_INCARNATION;
    this.#options = options;
  }

  /** Queues an event; returns at once. */
  event(report: MigrationEventReport): void {
    if (report.event === "decision" && this.#waiting > DECISIONS_WAIT_LIMIT) return;
    const request = { ...report, ...this.#stamp() };
    void this.#queue(`report ${report.event}`, (signal) =>
      this.#options.bus.call(reportMigrationEvent, request, { signal }),
    );
  }

  /** Queues the outcome; resolves `true` when the conductor has it, `false` when it refused it or we stop. Never rejects. */
  outcome(report: MigrationOutcomeReport): Promise<boolean> {
    const request = { ...report, ...this.#stamp() };
    return this.#queue(`report ${report.outcome}`, (signal) =>
      this.#options.bus.call(reportMigrationOutcome, request, { signal }),
    );
  }

  /** Nothing waits to be sent. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  #stamp(): Pick<EventRequest, Stamp> {
    this.#sequence += 1;
    return { migrationUuid: this.#migrationUuid, host: this.#options.host, sequence: this.#sequence };
  }

  #queue(what: string, send: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    this.#waiting += 1;
    const sent = this.#tail.then(() => this.#sendUntilAcknowledged(what, send));
    this.#tail = sent.then(() => {
      this.#waiting -= 1;
    });
    return sent;
  }

  async #sendUntilAcknowledged(what: string, send: (signal: AbortSignal) => Promise<unknown>): Promise<boolean> {
    const { clock, logger, signal } = this.#options;
    const fields = { migrationId: this.#migrationUuid, report: what };
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await send(signal);
        if (attempt > 1) logger.info({ ...fields, attempt }, "the conductor has the report now");
        return true;
      } catch (err) {
        if (isRefusal(err)) {
          logger.error({ ...fields, err }, "the conductor refuses a report; it is dropped");
          if (errorCodeOf(err) === "not-found") this.#options.onUnknown();
          return false;
        }
        if (attempt === 1) logger.warn({ ...fields, err }, "a report did not reach the conductor; repeating it");
        await clock.sleep(backoffMs(attempt, RETRY_FIRST_MS, RETRY_MOST_MS), signal).catch(() => {});
      }
    }
    return false;
  }
}

/** Answers that will not change by repeating. */
function isRefusal(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === "not-found" || code === "bad-request" || code === "refused";
}
