import type { Clock, Logger, MigrationProgress } from "@drover/model";
import type { ProgressCache } from "@drover/progress";

/** The copies of a host are looked at one after the other, at one tick: what comes within this, ms, goes out together. */
const GATHER_MS = 30;

/**
 * Leaves the newest snapshots in the progress cache without anybody waiting for it: those of one tick in one write, one
 * write at a time, and what comes meanwhile replaces what waits. A cache that is away for an hour costs one log line and
 * a snapshot's memory per migration.
 */
export class ProgressPublisher {
  readonly #cache: ProgressCache;
  readonly #host: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, MigrationProgress>();
  #publishing = false;
  #awaySinceMs: number | undefined;

  constructor(options: { cache: ProgressCache; host: string; logger: Logger; clock: Clock }) {
    this.#cache = options.cache;
    this.#host = options.host;
    this.#logger = options.logger;
    this.#clock = options.clock;
  }

  /** Takes a snapshot; returns at once and never throws. */
  offer(progress: MigrationProgress): void {
    this.#waiting.set(progress.migrationUuid, progress);
    if (!this.#publishing) void this.#publish();
  }

  async #publish(): Promise<void> {
    this.#publishing = true;
    await this.#clock.sleep(GATHER_MS);
    const snapshots = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      await this.#cache.publish(this.#host, snapshots);
      if (this.#awaySinceMs !== undefined) {
        const awayMs = this.#clock.monotonicMs() - this.#awaySinceMs;
        this.#logger.info({ awayMs }, "the progress cache takes snapshots again");
        this.#awaySinceMs = undefined;
      }
    } catch (err) {
      if (this.#awaySinceMs === undefined) {
        this.#awaySinceMs = this.#clock.monotonicMs();
        this.#logger.warn({ err }, "the progress cache is away; migrations go on without it");
      }
    } finally {
      this.#publishing = false;
    }
    // What failed is not repeated: the next poll brings a newer one.
    if (this.#waiting.size > 0 && this.#awaySinceMs === undefined) void this.#publish();
  }
}
