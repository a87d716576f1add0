import type { MigrationProgress } from "@drover/model";

/** Called with each change; slow listeners lose older snapshots of a migration, never the newest. */
export type ProgressListener = (progress: readonly MigrationProgress[]) => void;

/**
 * Where agents leave the newest progress of their migrations and everybody else reads it. Losing all of it harms no
 * migration. Drivers: `openMemoryProgress`, `openRedisProgress`.
 */
export interface ProgressCache {
  /**
   * Publishes one host's snapshots in one round trip; a snapshot with an older sequence than the cached one is
   * dropped. @throws `unavailable` when the cache is away; callers that control a migration never wait for it.
   */
  publish(host: string, snapshots: readonly MigrationProgress[]): Promise<void>;
  /** The newest of each; what has expired or never was is absent. @throws `unavailable` */
  read(migrationUuids: readonly string[]): Promise<ReadonlyMap<string, MigrationProgress>>;
  /** Everything changed since the cursor of the call before (start: `null`), newest per migration, for the flush. */
  changedSince(
    cursor: string | null,
  ): Promise<{ readonly progress: readonly MigrationProgress[]; readonly cursor: string }>;
  /** Forgets migrations that ended. */
  forget(migrationUuids: readonly string[]): Promise<void>;
  /** Live feed; returns its own end. */
  subscribe(listener: ProgressListener): Promise<() => Promise<void>>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
