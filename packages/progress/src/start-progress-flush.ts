import { type AgedProgress, type Clock, type Logger, pause } from "@drover/model";
import type { MigrationPlace, ProgressCache } from "./progress-cache.ts";

const DEFAULT_INTERVAL_MS = 5000;
/** In intervals: together under two, so that a process which died is stood in for within that time. */
const LEASE_INTERVALS = 1.3;
const ASK_AGAIN_INTERVALS = 0.6;
/** Rows of one statement, and so what of the cache is in this process at a time. */
const BATCH = 2000;

export interface ProgressFlushOptions {
  readonly cache: Pick<ProgressCache, "read">;
  /** The migrations of which there may be news; the store's `progress.underWay` fits. Asked once for each flush. */
  readonly underWay: () => Promise<readonly MigrationPlace[]>;
  /** Takes many migrations at once; the store's `progress` fits. It must ignore what is older than it has. */
  readonly sink: { flush(progress: readonly AgedProgress[]): Promise<void> };
  /** From the end of one flush to the start of the next, ms. @default 5000 */
  readonly intervalMs?: number;
  /** Among several processes with one sink, whose turn it is. @default always ours */
  readonly duty?: FlushDuty;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One process at a time does it; when that is silent for `leaseMs`, another. The store's `duties` fit. */
interface FlushDuty {
  /** Takes it, or keeps it, for so long; false while another has it. */
  take(leaseMs: number): Promise<boolean>;
  giveBack(): Promise<void>;
}

export interface ProgressFlush {
  /** When the sink last had all that the cache had; null before the first time. By the clock, ms since 1970. */
  readonly flushedAtMs: number | null;
  /** Flushes once more and resolves when nothing is under way; never rejects. */
  stop(): Promise<void>;
}

/**
 * Carries what the cache has of the migrations under way into a sink, those whose numbers have changed since the flush
 * before and no others, in calls of at most 2,000.
 *
 * A flush that fails is logged, and what the sink has not taken comes with the next one. Flushes never overlap. Of the processes
 * with one `duty`, one at a time flushes; should two do it for a moment, the sink keeps the newest. One that takes the duty over
 * does not know what the sink has, and brings each migration once. It remembers one number for each migration under way.
 */
export function startProgressFlush(options: ProgressFlushOptions): ProgressFlush {
  const { cache, underWay, sink, intervalMs = DEFAULT_INTERVAL_MS, duty = alwaysOurs, clock, logger } = options;
  const stopping = new AbortController();
  /** The sequence of each migration that the sink has. */
  let flushed: ReadonlyMap<string, number> = new Map();
  let failing = false;
  let flushedAtMs: number | null = null;

  /** Resolves to how many had changed. */
  async function flushChanges(): Promise<number> {
    // A host's together: what it has is read once.
    const migrations = (await underWay()).toSorted(
      (one, other) => Number(one.host > other.host) - Number(one.host < other.host),
    );
    const uuids = new Set(migrations.map(({ migrationUuid }) => migrationUuid));
    const known = new Map([...flushed].filter(([uuid]) => uuids.has(uuid)));
    flushed = known;
    let count = 0;
    for (let from = 0; from < migrations.length; from += BATCH) {
      const cached = await cache.read(migrations.slice(from, from + BATCH));
      const changed = [...cached.values()].filter(
        ({ snapshot }) => snapshot.sequence > (known.get(snapshot.migrationUuid) ?? -1),
      );
      if (changed.length === 0) continue;
      await sink.flush(changed);
      for (const { snapshot } of changed) known.set(snapshot.migrationUuid, snapshot.sequence);
      count += changed.length;
    }
    return count;
  }

  /** False when it is another's turn. */
  async function flushOnce(): Promise<boolean> {
    const nowMs = clock.now().getTime();
    try {
      if (!(await duty.take(intervalMs * LEASE_INTERVALS))) {
        flushed = new Map();
        return false;
      }
      const migrations = await flushChanges();
      flushedAtMs = nowMs;
      if (failing) logger.info({ migrations }, "progress is flushed again");
      failing = false;
    } catch (error) {
      // Once per outage: a line every interval says nothing new.
      if (failing) logger.debug({ err: error }, "progress could still not be flushed");
      else logger.warn({ err: error }, "progress could not be flushed, trying again with the next");
      failing = true;
    }
    return true;
  }

  async function untilStopped(): Promise<void> {
    let isOurs = true;
    while (!stopping.signal.aborted) {
      isOurs = await flushOnce();
      await pause(clock, isOurs ? intervalMs : intervalMs * ASK_AGAIN_INTERVALS, stopping.signal);
    }
    if (isOurs) await flushOnce();
    await duty.giveBack().catch(() => undefined);
  }

  const stopped = untilStopped();
  return {
    get flushedAtMs() {
      return flushedAtMs;
    },
    stop: async () => {
      stopping.abort();
      await stopped;
    },
  };
}

const alwaysOurs: FlushDuty = { take: async () => true, giveBack: async () => undefined };
