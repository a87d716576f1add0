import {
  type AgedProgress,
  type Clock,
  errorChain,
  type Logger,
  type Migration,
  type MigrationProgress,
  TERMINAL,
} from "@drover/model";
import type { MigrationPlace, ProgressCache } from "@drover/progress";
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
  const readOne = readTogether(
    (place: MigrationPlace) => place.migrationUuid,
    (places) => progress.read(places),
  );

  async function readCache(places: readonly MigrationPlace[]): Promise<ReadonlyMap<string, AgedProgress> | undefined> {
    const [place, ...others] = places;
    if (place === undefined) return new Map();
    try {
      if (others.length > 0) return await progress.read(places);
      const cached = await readOne(place);
      return cached === undefined ? new Map() : new Map([[place.migrationUuid, cached]]);
    } catch (error) {
      logger.warn({ problem: errorChain(error) }, "the progress cache is away; showing the store's numbers");
      return undefined;
    }
  }

  return async (migrations) => {
    const open = migrations.filter((migration) => migration.finalProgress === null);
    const cached = await readCache(open.filter((migration) => !TERMINAL.has(migration.state)).map(placeOf));
    const nowMs = clock.now().getTime();
    const wanting = open
      .map(uuidOf)
      .filter((uuid) => (cached?.get(uuid)?.ageMs ?? Number.POSITIVE_INFINITY) > FRESH_MS);
    const stored = wanting.length === 0 ? new Map<string, AgedProgress>() : await store.progress.read(wanting);
    const known = new Map<string, KnownProgress>();
    for (const migration of migrations) {
      const { uuid, finalProgress } = migration;
      const numbers =
        finalProgress === null ? newest(cached?.get(uuid), stored.get(uuid)) : recorded(finalProgress, nowMs);
      if (numbers === undefined) continue;
      known.set(uuid, { ...numbers, stale: cached === undefined && !TERMINAL.has(migration.state) });
    }
    return known;
  };
}

function uuidOf(migration: Migration): string {
  return migration.uuid;
}

function placeOf({ uuid, sourceHost }: Migration): MigrationPlace {
  return { migrationUuid: uuid, host: sourceHost };
}

type Numbers = Omit<KnownProgress, "stale">;

/** The one with the larger sequence; the cache's on a tie, which is the usual case just after a flush. */
function newest(fromCache: AgedProgress | undefined, fromStore: AgedProgress | undefined): Numbers | undefined {
  if (fromCache !== undefined && fromCache.snapshot.sequence >= (fromStore?.snapshot.sequence ?? 0)) {
    return { progress: fromCache.snapshot, source: "cache", ageMs: fromCache.ageMs };
  }
  return fromStore && { progress: fromStore.snapshot, source: "store", ageMs: fromStore.ageMs };
}

/** Of these nobody knows more than the agent's clock. */
function recorded(progress: MigrationProgress, nowMs: number): Numbers {
  return { progress, source: "record", ageMs: Math.max(0, nowMs - progress.observedAtMs) };
}
