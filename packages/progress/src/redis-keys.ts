/** The layout's version: it stands in every key, so that readers of another layout never meet ours. */
const LAYOUT = 3;

/**
 * The names of everything in Redis; the package's README documents them for others who poll Redis themselves.
 *
 * The host in braces is a hash tag: on Redis Cluster all of a host's keys lie on one node, which a script needs, and those
 * of a fleet on all of them. It is also what an agent's rights end at: its own host's keys.
 */
export interface RedisKeys {
  /** String: the newest numbers of all migrations of the host, JSON. Expires. */
  snapshots(host: string): string;
  /** List of one migration: its points, the oldest first. Expires. */
  history(host: string, migrationUuid: string): string;
  /** Channel: each publication of the host, the same text. */
  feed(host: string): string;
  /** Pattern of the channels of all hosts. */
  readonly feeds: string;
  /** Channel: an empty message whenever records have changed. */
  readonly records: string;
}

export function redisKeys(prefix: string): RedisKeys {
  const family = `${prefix}:progress:${LAYOUT}`;
  return {
    snapshots: (host) => `${family}:{${host}}:snapshots`,
    history: (host, migrationUuid) => `${family}:{${host}}:history:${migrationUuid}`,
    feed: (host) => `${family}:feed:${host}`,
    feeds: `${family}:feed:*`,
    records: `${family}:records`,
  };
}
