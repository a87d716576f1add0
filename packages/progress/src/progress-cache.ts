import type { AgedProgress, MigrationProgress, ProgressPoint } from "@drover/model";

/** Which migration, and whose: its numbers lie with those of the host that its guest comes from. */
export interface MigrationPlace {
  readonly migrationUuid: string;
  /** The source, whose agent publishes. */
  readonly host: string;
}

/**
 * Called with the snapshots of each publication that were newer than those before. It is called in the middle of other
 * work, so it must hand over and return; what it throws is logged. While the cache is away nothing is told and nothing is
 * told later: the next snapshot of a running migration is half a second old at most.
 */
export type ProgressListener = (progress: readonly MigrationProgress[]) => void;

/** What {@link ProgressCache.announceChange} tells: that there is something new, not what. */
export type ChangeNotice = "records-changed";

/**
 * Where agents leave the newest progress of their migrations and everybody else reads it. Losing all of it harms no
 * migration. Drivers: `openMemoryProgress`, `openRedisProgress`.
 */
export interface ProgressCache {
  /**
   * Publishes one host's snapshots in one round trip, those of its other migrations stay; a snapshot whose sequence is not
   * larger than that of the one before is dropped. A host is published by one process: of two, the last one's numbers are there
   * until the other's next. What is not published again within an hour expires; in Redis after half a minute while the host
   * publishes others.
   *
   * @throws `unavailable` when the cache is away; callers that control a migration never wait for it.
   */
  publish(host: string, snapshots: readonly MigrationProgress[]): Promise<void>;
  /**
   * The newest of each, by migration; what has expired or never was is absent, and so is what another host published.
   *
   * @throws `unavailable`
   */
  read(migrations: readonly MigrationPlace[]): Promise<ReadonlyMap<string, AgedProgress>>;
  /**
   * How a copy went so far, the oldest first: some 240 points at most that cover all of it, a second apart in the first
   * minutes and further apart the longer it lasts, up to the newest numbers. Empty where the cache has nothing.
   *
   * @throws `unavailable`
   */
  readHistories(migrations: readonly MigrationPlace[]): Promise<ReadonlyMap<string, readonly ProgressPoint[]>>;
  /**
   * Forgets the histories of migrations that ended, and their numbers: in Redis those go by themselves where the host goes on
   * publishing others. @throws `unavailable`
   */
  forget(migrations: readonly MigrationPlace[]): Promise<void>;
  /** Live feed; returns its own end. It may be asked for while the cache is away: it flows once it is back. */
  subscribe(listener: ProgressListener): Promise<() => Promise<void>>;
  /**
   * Tells every process that records have changed, so that nobody has to look for it in the database. It carries nothing and
   * may be lost: who listens looks now and then by itself as well. @throws `unavailable`
   */
  announceChange(): Promise<void>;
  /**
   * Calls `listener` for each announcement, and whenever announcements are heard again after a time when they were not;
   * returns its own end. May be asked for while the cache is away, as {@link ProgressCache.subscribe}.
   */
  onChange(listener: (notice: ChangeNotice) => void): Promise<() => Promise<void>>;
  /** @throws `unavailable` when the cache is away */
  ping(): Promise<void>;
  close(): Promise<void>;
}
