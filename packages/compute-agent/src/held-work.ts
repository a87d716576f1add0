import type { Bus } from "@drover/bus";
import { MAX_HELD_MIGRATIONS, reportHeldMigrations } from "@drover/contracts";
import type { Clock, Logger } from "@drover/model";
import { backoffMs } from "./backoff.ts";
import type { Journal } from "./journal/journal.ts";
import type { JournalEntry } from "./journal/journal-entry.ts";
import type { Migrations } from "./migration/migrations.ts";
import type { Preparation } from "./preparation.ts";
import type { StorageProofs } from "./storage/storage-proofs.ts";

export interface HeldWorkOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: string;
  readonly journal: Journal;
  readonly migrations: Migrations;
  readonly preparation: Preparation;
  readonly proofs: StorageProofs;
  /** libvirtd and the conductor are known to be there. */
  readonly isReady: () => boolean;
}

/** While the file holds anything, the conductor is asked this often, ms: what is under way is in it too. */
const ASK_AGAIN_MS = 30_000;
/** Of a conductor that does not name the host (before 1.4). */
const SOME_HOST = "another host";
/** Woken in a row, as by one refused report after another, it still leaves this pause, ms. */
const WOKEN_PAUSE_MS = 250;
/** Not ready, or an answer that did not come: tried again after this, ms; later and later, as long as it stays so. */
const TRY_AGAIN_MS = 2_000;

/**
 * Nothing is held for nothing: asks the conductor, at start and then now and again, what became of the migrations that the
 * agent's file still has something of, and releases what none owns any more. That is how a host that was down during a
 * clean-up is cleaned up when it returns, and how a migration that the database has lost comes back into it.
 */
export class HeldWork {
  readonly #options: HeldWorkOptions;
  readonly #ended = new AbortController();
  #wake = new AbortController();
  #failures = 0;
  /** Where the next turn begins, when there are more than fit into one report. */
  #turn = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: HeldWorkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something is new: a host that returned, a migration that no record knows. */
  soon(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const ms = await this.#askOnce();
      await this.#options.clock.sleep(ms, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
      if (this.#wake.signal.aborted) await this.#options.clock.sleep(WOKEN_PAUSE_MS, signal).catch(() => {});
    }
  }

  async #askOnce(): Promise<number> {
    const { bus, host, logger, isReady } = this.#options;
    if (isReady()) await this.#removeProofs();
    const held = this.#held();
    if (held.length === 0) return ASK_AGAIN_MS;
    if (!isReady()) return TRY_AGAIN_MS;
    if (this.#turn >= held.length) this.#turn = 0;
    try {
      const request = { host, held: held.slice(this.#turn, this.#turn + MAX_HELD_MIGRATIONS) };
      const { verdicts } = await bus.call(reportHeldMigrations, request, { signal: this.#ended.signal });
      for (const { migrationUuid, verdict, runsElsewhere, runsOn = null } of verdicts) {
        await this.#obey(migrationUuid, verdict, runsOn ?? (runsElsewhere ? SOME_HOST : null));
      }
      this.#turn += MAX_HELD_MIGRATIONS;
      this.#failures = 0;
      return this.#turn < held.length ? WOKEN_PAUSE_MS : ASK_AGAIN_MS;
    } catch (err) {
      if (!this.#ended.signal.aborted) logger.debug({ err }, "what is held here could not be settled yet");
      this.#failures += 1;
      return backoffMs(this.#failures, TRY_AGAIN_MS, ASK_AGAIN_MS);
    }
  }

  async #removeProofs(): Promise<void> {
    const { proofs, logger } = this.#options;
    try {
      await proofs.removeOverdue();
    } catch (err) {
      logger.debug({ err }, "proofs of shared storage that are over could not be removed yet");
    }
  }

  async #obey(
    migrationUuid: string,
    verdict: "in-progress" | "over" | "no-record",
    runsOn: string | null,
  ): Promise<void> {
    const { migrations, preparation, journal, logger } = this.#options;
    if (verdict === "in-progress") return migrations.reportAgain(migrationUuid);
    if (migrations.isSteering(migrationUuid)) return;
    try {
      await journal.acknowledge(migrationUuid);
      await preparation.releaseHeld(migrationUuid, runsOn);
    } catch (err) {
      logger.warn({ migrationId: migrationUuid, err }, "what a migration left behind could not be released yet");
    }
  }

  #held() {
    const { journal } = this.#options;
    const started = journal.entries().filter((entry) => !entry.settled);
    const prepared = journal.preparedEntries();
    return [
      ...started.map((entry) => ({
        migrationUuid: entry.migrationUuid,
        serverUuid: entry.serverUuid,
        started: startedOf(entry),
      })),
      ...prepared.map(({ migrationUuid, serverUuid }) => ({ migrationUuid, serverUuid, started: null })),
    ];
  }
}

function startedOf(entry: JournalEntry) {
  const { generation, serverName, destinationHost, memoryKiB, policy, flags, startedAtMs } = entry;
  return { generation, serverName, destinationHost, memoryKiB, policy, flags: [...flags], startedAtMs };
}
