import type { Clock, Logger, MigrationProgress } from "@drover/model";
import type { ProgressCache } from "./progress-cache.ts";

const DEFAULT_INTERVAL_MS = 5000;

export interface ProgressFlushOptions {
  readonly cache: Pick<ProgressCache, "changedSince">;
  /** Takes all changed migrations at once; the store's `progress` fits. It must ignore what is older than it has. */
  readonly sink: { flush(progress: readonly MigrationProgress[]): Promise<void> };
  /** From the end of one flush to the start of the next, ms. @default 5000 */
  readonly intervalMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
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
 * when the sink has taken them. Flushes never overlap. Any number of processes may do it: the sink keeps the newest.
 */
export function startProgressFlush(options: ProgressFlushOptions): ProgressFlush {
  const { cache, sink, intervalMs = DEFAULT_INTERVAL_MS, clock, logger } = options;
  const stopping = new AbortController();
  let cursor: string | null = null;
  let failing = false;
  let flushedAtMs: number | null = null;

  async function flushOnce(): Promise<void> {
    const nowMs = clock.now().getTime();
    try {
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
  }

  async function untilStopped(): Promise<void> {
    while (!stopping.signal.aborted) {
      await flushOnce();
      await clock.sleep(intervalMs, stopping.signal).catch(() => {});
    }
    await flushOnce();
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
