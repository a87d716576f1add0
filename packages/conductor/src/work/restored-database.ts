import type { Clock, Logger, Migration } from "@drover/model";
import type { Store } from "@drover/store";

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
  #readAtMs = Number.NEGATIVE_INFINITY;

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
    await this.notice(host, recordsSeenAtMs, known?.lastSeenAt.getTime() ?? 0);
  }

  /** As {@link compare}, with the row's time as it was before this sign of life. Resolves true if that is news. */
  async notice(host: string, recordsSeenAtMs: number, recordedAtMs: number): Promise<boolean> {
    // Never ahead of our clock: what is written from now on is not outdated.
    const upToMs = Math.min(recordsSeenAtMs, this.#clock.now().getTime());
    const noticedMs = this.#upToMs.get(host) ?? 0;
    // A database is not put back every minute; an agent that says so is wrong, and must not keep everybody busy.
    if (recordsSeenAtMs <= recordedAtMs || upToMs < noticedMs + NOTICED_AGAIN_MS) return false;
    if (recordsSeenAtMs <= (this.#claimedMs.get(host) ?? 0)) return false;
    this.#claimedMs.set(host, recordsSeenAtMs);
    this.#logger.error(
      { host, agentWasToldAt: new Date(recordsSeenAtMs), databaseHas: new Date(recordedAtMs) },
      "the database is older than what an agent was told: it was restored; older records are looked at before they are acted on",
    );
    this.#upToMs.set(host, upToMs);
    await this.#store.hosts.noteRestored(host, upToMs);
    return true;
  }

  /** Records of the migration that were last written before this time, ms since 1970, are outdated; 0 if none is. */
  async upToMs({ sourceHost, destinationHost }: Migration): Promise<number> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readAtMs >= READ_AGAIN_MS) {
      this.#readAtMs = nowMs;
      for (const [host, upToMs] of await this.#store.hosts.restored()) {
        this.#upToMs.set(host, Math.max(upToMs, this.#upToMs.get(host) ?? 0));
      }
    }
    const ofHost = (host: string | null) => (host === null ? 0 : (this.#upToMs.get(host) ?? 0));
    return Math.max(ofHost(sourceHost), ofHost(destinationHost));
  }
}
