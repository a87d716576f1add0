import { randomUUID } from "node:crypto";
import { type Clock, errorChain, type Logger, pause } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { RetentionConfig } from "../config.ts";

export interface PruningOptions {
  readonly store: Pick<Store, "migrations" | "histories" | "serverActions" | "audit" | "duties">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: RetentionConfig;
  /** So many of a kind were deleted. */
  readonly onPruned: (what: Prunable, count: number) => void;
}

/** What is kept for a time only. */
type Prunable = "migrations" | "histories" | "server-actions" | "audit";

const DUTY = "pruning";
/** Between two looks at what is too old, ms. */
const LOOK_EVERY_MS = 3_600_000;
/** A conductor that starts has better things to do first, ms. */
const FIRST_LOOK_AFTER_MS = 60_000;
/** Rows of a kind that one transaction deletes: it holds locks, and with SQLite everybody else waits for it. */
const BATCH = 200;
/** Between two batches others have their turn, ms. */
const REST_MS = 100;
/** Longer than a batch takes; prolonged with each. */
const LEASE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * Deletes what is older than it is to be kept: an hour at most after its time, in batches, one conductor at a time. Two that do
 * it at once by mistake do no harm. What fails is tried again an hour later.
 */
export function startPruning(options: PruningOptions): RunningService {
  const { clock, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function untilStopped(): Promise<void> {
    for (let waitMs = FIRST_LOOK_AFTER_MS; !signal.aborted; waitMs = LOOK_EVERY_MS) {
      await pause(clock, waitMs, signal);
      if (signal.aborted) return;
      await pruneOnce(options, signal).catch((error: unknown) => {
        logger.warn({ problem: errorChain(error) }, "what is too old could not be deleted; trying again in an hour");
      });
    }
  }

  const stopped = untilStopped();
  return {
    stop: async () => {
      stopping.abort();
      await stopped;
    },
  };
}

async function pruneOnce(options: PruningOptions, signal: AbortSignal): Promise<void> {
  const { store, config } = options;
  const { duties, migrations, histories, serverActions, audit } = store;
  const owner = `conductor-${randomUUID()}`;
  const kinds: readonly { what: Prunable; days: number; prune: (before: Date, limit: number) => Promise<number> }[] = [
    { what: "migrations", days: config.migrations_days, prune: (before, limit) => migrations.prune(before, limit) },
    { what: "histories", days: config.history_days, prune: (before, limit) => histories.prune(before, limit) },
    {
      what: "server-actions",
      days: config.migrations_days,
      prune: (before, limit) => serverActions.prune(before, limit),
    },
    { what: "audit", days: config.audit_days, prune: (before, limit) => audit.prune(before, limit) },
  ];
  try {
    for (const { what, days, prune } of kinds) {
      if (days === 0) continue;
      const before = new Date(options.clock.now().getTime() - days * DAY_MS);
      const batch = async () => ((await duties.take(DUTY, owner, LEASE_MS)) ? await prune(before, BATCH) : 0);
      await pruneKind(options, signal, what, batch);
    }
  } finally {
    await duties.giveBack(DUTY, owner);
  }
}

async function pruneKind(
  { clock, logger, onPruned }: PruningOptions,
  signal: AbortSignal,
  what: Prunable,
  batch: () => Promise<number>,
): Promise<void> {
  let all = 0;
  for (let count = BATCH; count === BATCH && !signal.aborted; ) {
    count = await batch();
    all += count;
    onPruned(what, count);
    if (count === BATCH) await pause(clock, REST_MS, signal);
  }
  if (all > 0) logger.info({ what, count: all }, "deleted what was to be kept no longer");
}
