import type { Clock, Logger, Migration } from "@drover/model";
import type { HeardOf, Store } from "@drover/store";

/** What another conductor noticed is read so often, ms. */
const READ_AGAIN_MS = 3_000;

/** Of one host it is noticed again only after this, ms. */
const NOTICED_AGAIN_MS = 60_000;

/**
 * Notices that the database was restored from a backup, or that a failover lost its last writes. Agents remember when their
 * sign of life was last recorded; a database whose own row is older than that has lost what was written in between.
 *
 * Every record of a migration from or to that host which was last written before that time is outdated until somebody has
 * looked at it: see `VouchedRecord`. An agent speaks for its own host alone.
 */
export class RestoredDatabase {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #upToMs = new Map<string, number>();
  /** What each agent has said at most: one and the same is news once, also to a conductor whose clock is behind. */
  readonly #claimedMs = new Map<string, number>();
  /** When the newest reading that came to its end was begun. */
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor({ store, clock, logger }: { readonly store: Store; readonly clock: Clock; readonly logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Compares what an agent remembers with the database's own row of its host, which must be read before it is written. */
  async compare(host: string, recordsSeenAtMs: number): Promise<void> {
    if (recordsSeenAtMs === 0) return;
    // Read after the agent has answered: what it was told meanwhile is in the database before.
    const known = await this.#store.hosts.get(host);
    const beforeMs = known?.lastSeenAt.getTime() ?? 0;
    const missingUpToMs = this.missingUpToMs(host, recordsSeenAtMs, beforeMs);
    if (missingUpToMs === 0) return;
    await this.#store.hosts.noteRestored(host, missingUpToMs);
    this.noticed(host, recordsSeenAtMs, { beforeMs, missingUpToMs });
  }

  /**
   * Up to when records that concern the host are missing, by what its agent remembers and when the database had last heard of
   * it; 0 where that is no news. Changes nothing.
   */
  missingUpToMs(host: string, recordsSeenAtMs: number, heardOfBeforeMs: number): number {
    // Never ahead of our clock: what is written from now on is not outdated.
    const upToMs = Math.min(recordsSeenAtMs, this.#clock.now().getTime());
    const noticedMs = this.#upToMs.get(host) ?? 0;
    // A database is not put back every minute; an agent that says so is wrong, and must not keep everybody busy.
    if (recordsSeenAtMs <= heardOfBeforeMs || upToMs < noticedMs + NOTICED_AGAIN_MS) return 0;
    return recordsSeenAtMs <= (this.#claimedMs.get(host) ?? 0) ? 0 : upToMs;
  }

  /** To be told what {@link missingUpToMs} said once it is in the database. True if it is news. */
  noticed(host: string, recordsSeenAtMs: number, { beforeMs, missingUpToMs }: Omit<HeardOf, "nowMs">): boolean {
    if (missingUpToMs === 0) return false;
    this.#claimedMs.set(host, recordsSeenAtMs);
    this.#learn(host, missingUpToMs);
    this.#logger.error(
      { host, agentWasToldAt: new Date(recordsSeenAtMs), databaseHas: new Date(beforeMs) },
      "the database is older than what an agent was told: it was restored; older records are looked at before they are acted on",
    );
    return true;
  }

  /**
   * Records of the migration that were last written before this time, ms since 1970, are outdated; 0 if none is.
   *
   * @param notBeforeMs What others noticed is as new as this, by the monotonic clock. @default what was read lately
   */
  async upToMs({ sourceHost, destinationHost }: Migration, notBeforeMs?: number): Promise<number> {
    const neededMs = notBeforeMs ?? this.#clock.monotonicMs() - READ_AGAIN_MS;
    // A reading that was begun before does not do: the one after it is shared, too.
    while (this.#readAtMs < neededMs) {
      this.#reading ??= this.#read();
      await this.#reading;
    }
    const ofHost = (host: string | null) => (host === null ? 0 : (this.#upToMs.get(host) ?? 0));
    return Math.max(ofHost(sourceHost), ofHost(destinationHost));
  }

  async #read(): Promise<void> {
    const beganAtMs = this.#clock.monotonicMs();
    try {
      for (const [host, upToMs] of await this.#store.hosts.restored()) this.#learn(host, upToMs);
      this.#readAtMs = beganAtMs;
    } finally {
      this.#reading = undefined;
    }
  }

  #learn(host: string, upToMs: number): void {
    this.#upToMs.set(host, Math.max(upToMs, this.#upToMs.get(host) ?? 0));
  }
}
