import type { ProgressHistoryView } from "@drover/contracts";
import { errorChain, type Logger, type Migration, TERMINAL } from "@drover/model";
import { type ProgressCache, upToNewest } from "@drover/progress";
import type { Store } from "@drover/store";

/** How a copy went, and from where that is known. */
export type ProgressHistoryReader = (migration: Migration) => Promise<ProgressHistoryView>;

/**
 * Reads how a copy went: while the migration is under way, and for the moment until it is archived, from the cache; afterwards from
 * the archive. What is missing is said, and no failure: a cache that is away, a history that is kept no longer.
 */
export function progressHistoryReader(dependencies: {
  readonly store: Pick<Store, "histories">;
  readonly progress: Pick<ProgressCache, "readHistories">;
  readonly logger: Logger;
}): ProgressHistoryReader {
  const { store, progress, logger } = dependencies;

  return async ({ uuid, state, sourceHost, startedAt, finalProgress }) => {
    const archived = TERMINAL.has(state) ? await store.histories.read(uuid) : undefined;
    if (archived !== undefined) {
      const points = [...upToNewest(archived, finalProgress)];
      const missing = archived.length === 0 ? "the progress cache had no history of it when it ended" : null;
      return { migrationUuid: uuid, source: "archive", missing, points };
    }
    const none = (missing: string): ProgressHistoryView => ({
      migrationUuid: uuid,
      source: "none",
      missing,
      points: [],
    });
    try {
      const cached = (await progress.readHistories([{ migrationUuid: uuid, host: sourceHost }])).get(uuid);
      if (cached !== undefined) {
        return { migrationUuid: uuid, source: "cache", missing: null, points: [...upToNewest(cached, finalProgress)] };
      }
    } catch (error) {
      logger.warn({ problem: errorChain(error) }, "the progress cache is away; showing no history");
      return none("the progress cache is away");
    }
    if (startedAt === null) return none("its copy has not begun");
    return none(
      TERMINAL.has(state) ? "it is kept no longer, or never was archived" : "the progress cache has nothing of it",
    );
  };
}
