import { type Clock, errorChain, type Logger, type Migration, type MigrationProgress, TERMINAL } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Store } from "@drover/store";
import { readTogether } from "./read-together.ts";

/** Numbers of a copy, and how far to trust them. */
export interface KnownProgress {
  readonly progress: MigrationProgress;
  /** `cache`: the agent's newest; `store`: the last flush; `record`: the last numbers of a migration that is over. */
  readonly source: "cache" | "store" | "record";
  readonly ageMs: number;
  /** The cache could not be asked: newer numbers may exist. */
  readonly stale: boolean;
}

/** Progress by migration uuid; a migration of which nothing is known is absent. */
export type ProgressReader = (migrations: readonly Migration[]) => Promise<ReadonlyMap<string, KnownProgress>>;

/** Two flushes: what the cache holds of this age cannot be older than what the store holds, ms. */
const FRESH_MS = 10_000;

/**
 * Reads the newest of cache and store. A cache that is away costs freshness, nothing else: the store's numbers are
 * given, marked stale. The store is asked only for what the records do not have and the cache has not fresh: thousands
 * of copies can be watched without the database.
 */
export function progressReader(dependencies: {
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
}): ProgressReader {
  const { store, progress, clock, logger } = dependencies;

  // Many poll one migration each: Redis is asked once for those of a moment.
  const readOne = readTogether((uuids: readonly string[]) => progress.read(uuids));

  async function readCache(uuids: readonly string[]): Promise<ReadonlyMap<string, MigrationProgress> | undefined> {
    if (uuids.length === 0) return new Map();
    try {
      const [uuid = "", ...others] = uuids;
      if (others.length > 0) return await progress.read(uuids);
      const snapshot = await readOne(uuid);
      return snapshot === undefined ? new Map() : new Map([[uuid, snapshot]]);
    } catch (error) {
      logger.warn({ problem: errorChain(error) }, "the progress cache is away; showing the store's numbers");
      return undefined;
    }
  }

  return async (migrations) => {
    const open = migrations.filter((migration) => migration.finalProgress === null);
    const copying = open.filter((migration) => !TERMINAL.has(migration.state)).map(uuidOf);
    const cached = await readCache(copying);
    const nowMs = clock.now().getTime();
    const wanting = open.map(uuidOf).filter((uuid) => {
      const snapshot = cached?.get(uuid);
      return snapshot === undefined || nowMs - snapshot.observedAtMs > FRESH_MS;
    });
    const stored = wanting.length === 0 ? new Map<string, MigrationProgress>() : await store.progress.read(wanting);
    const known = new Map<string, KnownProgress>();
    for (const migration of migrations) {
      const fromCache = cached?.get(migration.uuid);
      const fromStore = stored.get(migration.uuid);
      const newest = newer(fromCache, fromStore);
      const chosen = migration.finalProgress ?? newest;
      if (chosen === undefined) continue;
      known.set(migration.uuid, {
        progress: chosen,
        source: migration.finalProgress !== null ? "record" : newest === fromCache ? "cache" : "store",
        ageMs: Math.max(0, nowMs - chosen.observedAtMs),
        stale: cached === undefined && !TERMINAL.has(migration.state),
      });
    }
    return known;
  };
}

function uuidOf(migration: Migration): string {
  return migration.uuid;
}

/** The one with the larger sequence; the cache's on a tie, which is the usual case just after a flush. */
function newer(
  fromCache: MigrationProgress | undefined,
  fromStore: MigrationProgress | undefined,
): MigrationProgress | undefined {
  if (fromCache === undefined || fromStore === undefined) return fromCache ?? fromStore;
  return fromStore.sequence > fromCache.sequence ? fromStore : fromCache;
}
