/** The layout's version: it stands in every key, so that readers of another layout never meet ours. */
const LAYOUT = 1;

/**
 * The names of everything in Redis; the package's README documents them for others who poll Redis themselves.
 *
 * The braces are a hash tag: on Redis Cluster all keys with one tag lie on one node, which a script needs. There is one
 * tag now; a fleet that outgrows a node gets more, by host, and a reader then asks each.
 */
export interface RedisKeys {
  /** Hash of one migration: `host`, `sequence`, `snapshot` (JSON). Expires. */
  snapshot(migrationUuid: string): string;
  /** Sorted set: migrations by the count of changes at their last one. */
  readonly changes: string;
  /** Hash: `changes`, the count of changes, and `epoch`, a random name for this count, new when the count was lost. */
  readonly clock: string;
  /** Channel: each accepted publication as a JSON array of snapshots. */
  readonly feed: string;
  /** Channel: an empty message whenever records have changed. */
  readonly records: string;
}

export function redisKeys(prefix: string): RedisKeys {
  const family = `${prefix}:progress:${LAYOUT}:{0}`;
  return {
    snapshot: (migrationUuid) => `${family}:migration:${migrationUuid}`,
    changes: `${family}:changes`,
    clock: `${family}:clock`,
    feed: `${family}:feed`,
    records: `${family}:records`,
  };
}
