import { type Clock, type Logger, type MigrationProgress, pause } from "@drover/model";
import type { ProgressCache } from "./progress-cache.ts";

const DEFAULT_INTERVAL_MS = 5000;
/** In intervals: together under two, so that a process which died is stood in for within that time. */
const LEASE_INTERVALS = 1.3;
const ASK_AGAIN_INTERVALS = 0.6;

export interface ProgressFlushOptions {
  readonly cache: Pick<ProgressCache, "changedSince">;
  /** Takes all changed migrations at once; the store's `progress` fits. It must ignore what is older than it has. */
  readonly sink: { flush(progress: readonly MigrationProgress[]): Promise<void> };
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
 * Carries the cache's changes into a sink, one call per interval for all migrations, none when nothing changed.
 *
 * A flush that fails is logged and its changes come with the next one: the place in the cache's changes moves on only
 * when the sink has taken them. Flushes never overlap. Of the processes with one `duty`, one at a time flushes; should two do it for a
 * moment, the sink keeps the newest.
 */
export function startProgressFlush(options: ProgressFlushOptions): ProgressFlush {
  const { cache, sink, intervalMs = DEFAULT_INTERVAL_MS, duty = alwaysOurs, clock, logger } = options;
  const stopping = new AbortController();
  let cursor: string | null = null;
  let failing = false;
  let flushedAtMs: number | null = null;

  /** False when it is another's turn. */
  async function flushOnce(): Promise<boolean> {
    const nowMs = clock.now().getTime();
    try {
      if (!(await duty.take(intervalMs * LEASE_INTERVALS))) return false;
      const changed = await cache.changedSince(cursor);
      if (changed.progress.length > 0) await sink.flush(changed.progress);
      cursor = changed.cursor;
      flushedAtMs = nowMs;
      if (failing) logger.info({ migrations: changed.progress.length }, "progress is flushed again");
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
