import { randomUUID } from "node:crypto";
import { type Clock, errorChain, type Logger, pause } from "@drover/model";
import { type ProgressCache, thinHistory } from "@drover/progress";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";

export interface HistoryArchiveOptions {
  readonly store: Pick<Store, "histories" | "duties">;
  readonly progress: Pick<ProgressCache, "readHistories" | "forget">;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DUTY = "history-archive";
/** Between two looks for migrations that have ended, ms. */
const LOOK_EVERY_MS = 15_000;
/** The cache has a history for an hour after its last point: what ended before is not looked for any more. */
const ENDED_WITHIN_MS = 3_600_000;
/** Migrations of one statement. */
const BATCH = 200;
/** Points of a history that is kept. */
const POINTS = 120;
/** Longer than a batch takes; prolonged with each. */
const LEASE_MS = 30_000;

/**
 * Archives the history of each migration that has ended and takes its numbers out of the cache, within 15 s, one conductor at a
 * time. It asks the store which have none, so that whoever comes after one that died goes on; two that do it at once keep the first
 * one's. A cache that is away is tried again for an hour; of what it does not know, an empty history is archived.
 */
export function startHistoryArchive(options: HistoryArchiveOptions): RunningService {
  const { clock, logger } = options;
  const owner = `conductor-${randomUUID()}`;
  const stopping = new AbortController();
  let failing = false;

  async function untilStopped(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await archiveEnded(options, owner, stopping.signal);
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ problem: errorChain(error) }, "histories could not be archived, trying again");
        failing = true;
      }
      await pause(clock, LOOK_EVERY_MS, stopping.signal);
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

/** Writes nothing while no migration has ended, not even that it is on duty. */
async function archiveEnded(
  { store: { histories, duties }, progress, clock }: HistoryArchiveOptions,
  owner: string,
  signal: AbortSignal,
): Promise<void> {
  let onDuty = false;
  try {
    for (let count = BATCH; count === BATCH && !signal.aborted; ) {
      const ended = await histories.missing(new Date(clock.now().getTime() - ENDED_WITHIN_MS), BATCH);
      count = ended.length;
      if (count === 0) return;
      onDuty = await duties.take(DUTY, owner, LEASE_MS);
      if (!onDuty) return;
      const known = await progress.readHistories(ended);
      await histories.archive(
        new Map(ended.map(({ migrationUuid: uuid }) => [uuid, thinHistory(known.get(uuid) ?? [], POINTS)])),
      );
      await progress.forget(ended);
    }
  } finally {
    if (onDuty) await duties.giveBack(DUTY, owner);
  }
}
