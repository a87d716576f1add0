import type {
  AccessToken,
  AgedProgress,
  Aggregate,
  AuditEntry,
  GuestSighting,
  Host,
  HostFacts,
  MigrationState,
  ObservedGuest,
  ProgressPoint,
  ServerAction,
  ServerGroup,
  ServerLock,
  Webhook,
} from "@drover/model";
import type { ClaimStore, MigrationStore } from "./migration-store.ts";
import type { PlacementStore } from "./placement-store.ts";

/** What an operator may set of a host; what is absent stays as it is. */
export interface HostSettings {
  readonly enabled?: boolean;
  /** Why it is disabled; null for no reason given. */
  readonly disabledReason?: string | null;
  readonly forcedDown?: boolean;
  /** Instead of the conductors' `max_concurrent_live_migrations` and `max_concurrent_incoming_migrations`; null is theirs. */
  readonly maxOutgoingMigrations?: number | null;
  readonly maxIncomingMigrations?: number | null;
  /** The reason for which it is in maintenance from now on; null ends it. The same reason again keeps its beginning. */
  readonly maintenanceReason?: string | null;
}

/** When a host was heard of before a sign of life, and by it; ms since 1970. */
export interface HeardOf {
  readonly beforeMs: number;
  readonly nowMs: number;
  /** What {@link MissingUpTo} said. */
  readonly missingUpToMs: number;
}

/**
 * Judges a sign of life by when the host had been heard of before, which the sign of life is written over: up to when what was
 * written about the host may be missing; 0 where nothing is. It is asked in the transaction, which may run more than once, and what
 * it says is noted in the same, as {@link HostStore.noteRestored} does.
 */
export type MissingUpTo = (host: string, heardOfBeforeMs: number) => number;

/** All that an agent reports of its host. */
export interface HostReport {
  readonly facts: HostFacts;
  readonly agentVersion: string;
  readonly guests: readonly ObservedGuest[];
  /** Reports may come late, or twice: one that is not above the newest is not taken. 0 counts as the newest. */
  readonly sequence: number;
}

export interface TakenReport {
  readonly host: Host;
  /** When it had last been heard of, ms since 1970, also if it was removed since; 0 for a host that is new. */
  readonly heardOfBeforeMs: number;
  /** What {@link MissingUpTo} said. */
  readonly missingUpToMs: number;
  /** What it says counts from now on; otherwise it is older than what is known, and was a sign of life alone. */
  readonly taken: boolean;
  /** The larger of its sequence and that of the report that counts. */
  readonly newest: number;
}

export interface HostStore {
  /**
   * What a conductor does with each report: {@link HostStore.report} and {@link GuestStore.replaceSightings} in one transaction. One that
   * is too old counts as a sign of life alone.
   */
  takeReport(report: HostReport, missingUpTo?: MissingUpTo): Promise<TakenReport>;
  /** Inserts or refreshes, and counts as a sign of life. */
  report(facts: HostFacts, agentVersion: string): Promise<Host>;
  /**
   * A sign of life for all of `hosts`, in one statement. The answer has each known host's `last_seen_at` before and after,
   * which never goes back; a name that is missing in it is unknown: its agent reports in full.
   */
  heartbeat(hosts: readonly string[], missingUpTo?: MissingUpTo): Promise<ReadonlyMap<string, HeardOf>>;
  list(): Promise<readonly Host[]>;
  get(host: string): Promise<Host | undefined>;
  /** Those of `hosts` that are known. */
  getMany(hosts: readonly string[]): Promise<readonly Host[]>;
  /** Writes what an operator sets; undefined for an unknown host. An agent's reports leave it as it is. */
  set(host: string, settings: HostSettings): Promise<Host | undefined>;
  /**
   * Forgets a host, but not when it was last heard of; false when there is none. An agent that still runs there is a new host with its
   * next report.
   *
   * @throws `refused` for one that has guests, or that a migration in progress comes from or goes to
   */
  remove(host: string): Promise<boolean>;
  /**
   * Writes up to this time, ms since 1970, that concern the host may be missing: the database was restored from a backup,
   * or a failover lost them. Only a later time is written; nothing happens for an unknown host.
   */
  noteRestored(host: string, upToMs: number): Promise<void>;
  /** The hosts of which that was ever noted. */
  restored(): Promise<ReadonlyMap<string, number>>;
}

/** A name under which a server is known. */
export interface ServerName {
  readonly name: string;
  readonly uuid: string;
}

export interface GuestStore {
  /** Replaces what is known of `host` by `guests`, whatever its reports say; guests that are not among them are forgotten. */
  replaceSightings(host: string, guests: readonly ObservedGuest[]): Promise<void>;
  /** Of one server, over all hosts. */
  byServer(serverUuid: string): Promise<readonly GuestSighting[]>;
  byHost(host: string): Promise<readonly GuestSighting[]>;
  list(): Promise<readonly GuestSighting[]>;
  /** Under one name, over all hosts. */
  byName(name: string): Promise<readonly GuestSighting[]>;
  /**
   * The names that hosts report guests under, and those of servers in a migration in progress, whom no host may report for a moment: by
   * name, then uuid, in the order of their bytes. A server whose definitions have several names is there under each.
   *
   * @param after Where to go on. undefined begins at the first
   * @param limit So many at most
   */
  namesAfter(after: ServerName | undefined, limit: number): Promise<readonly ServerName[]>;
  /** Of several servers, over all hosts. */
  byServers(serverUuids: readonly string[]): Promise<readonly GuestSighting[]>;
}

export type NewServerGroup = Pick<ServerGroup, "name" | "policy" | "maxServersPerHost" | "servers">;

export interface ServerGroupChange {
  readonly addServers: readonly string[];
  readonly removeServers: readonly string[];
}

/** Groups are named by their names, which are unique. */
export interface ServerGroupStore {
  /** By name. */
  list(): Promise<readonly ServerGroup[]>;
  ofServer(serverUuid: string): Promise<ServerGroup | undefined>;
  /** @throws `refused` for a name that is taken, or a server that is in another group */
  create(group: NewServerGroup): Promise<ServerGroup>;
  /** Adds and removes members; one that is there already, or not, changes nothing. @throws `not-found`; `refused` as above */
  update(name: string, change: ServerGroupChange): Promise<ServerGroup>;
  /** False when there is none. */
  remove(name: string): Promise<boolean>;
}

export type NewAggregate = Pick<Aggregate, "name" | "availabilityZone" | "metadata" | "hosts">;

/** What is absent stays as it is. */
export interface AggregateChange {
  readonly availabilityZone?: string | null;
  /** Takes the place of all that was there. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly addHosts: readonly string[];
  readonly removeHosts: readonly string[];
}

/** Aggregates are named by their names, which are unique. A host is in one zone at most, whatever aggregates it is in. */
export interface AggregateStore {
  /** By name. */
  list(): Promise<readonly Aggregate[]>;
  /** @throws `refused` for a name that is taken, or a host that is in another zone */
  create(aggregate: NewAggregate): Promise<Aggregate>;
  /** @throws `not-found`; `refused` for a host that would be in two zones */
  update(name: string, change: AggregateChange): Promise<Aggregate>;
  /** False when there is none. */
  remove(name: string): Promise<boolean>;
}

/** The zones that servers are to stay in. */
export interface ServerZoneStore {
  /** Null where the server asked for none. */
  of(serverUuid: string): Promise<string | null>;
  /** By server. */
  list(): Promise<ReadonlyMap<string, string>>;
  /** Null takes it away. */
  set(serverUuid: string, zone: string | null): Promise<void>;
}

export type NewToken = Pick<
  AccessToken,
  "id" | "name" | "role" | "projectId" | "networks" | "secretHash" | "createdBy" | "expiresAt"
>;

/** The tokens that were ever given out; one that is revoked or past its end stays listed. */
export interface TokenStore {
  create(token: NewToken): Promise<AccessToken>;
  get(id: string): Promise<AccessToken | undefined>;
  /** The oldest first. */
  list(): Promise<readonly AccessToken[]>;
  /** Revoking again changes nothing: who did it first stays. @throws `not-found` */
  revoke(id: string, revokedBy: string): Promise<AccessToken>;
}

/** The servers that are locked. */
export interface ServerLockStore {
  /** Null where it is not locked. */
  of(serverUuid: string): Promise<ServerLock | null>;
  /** By server. */
  list(): Promise<ReadonlyMap<string, ServerLock>>;
  /** In place of the one before; null takes it away. */
  set(serverUuid: string, lock: Omit<ServerLock, "lockedAt"> | null): Promise<void>;
}

export type NewServerAction = Omit<ServerAction, "id" | "startedAt" | "finishedAt" | "error">;

/** What was asked of servers beside moving them. */
export interface ServerActionStore {
  /** It begins now. Returns its id. */
  begin(action: NewServerAction): Promise<number>;
  /** It ends now, with why it failed where it did. One that has ended stays as it is. */
  finish(id: number, error: string | null): Promise<void>;
  /** The newest first. */
  list(serverUuid: string, limit: number): Promise<readonly ServerAction[]>;
  /** Deletes up to `limit` of them from before that time, and says how many. */
  prune(before: Date, limit: number): Promise<number>;
}

export type NewAuditEntry = Omit<AuditEntry, "id" | "at">;

export interface AuditFilter {
  readonly userId?: string;
  readonly tokenId?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly outcome?: string;
  readonly requestId?: string;
  readonly since?: Date;
  readonly before?: Date;
  /** Rows at most. @default 1000 */
  readonly limit?: number;
  /** The id of the last row of the page before. */
  readonly marker?: number;
}

/** Append-only: an entry is written once, and what came of it filled in once. Only age takes entries away. */
export interface AuditStore {
  /** Returns its id. */
  add(entry: NewAuditEntry): Promise<number>;
  /** Of what came about elsewhere: told again under the same id it stays as it is. */
  addOnce(entry: NewAuditEntry, told: { readonly entryId: string; readonly at: Date }): Promise<void>;
  /** Of an entry whose outcome is not known yet; that of any other stays as it is. */
  settle(id: number, outcome: string, message: string | null): Promise<void>;
  /** The newest first. */
  list(filter: AuditFilter): Promise<readonly AuditEntry[]>;
  /** Deletes up to `limit` entries from before that time, and says how many. */
  prune(before: Date, limit: number): Promise<number>;
}

/** The flushed progress, in a table of its own: it never touches a record's generation. */
export interface ProgressStore {
  /**
   * The migrations that an agent may be publishing numbers of, each with its source: those in progress that wait no longer in the
   * queue. At a cost that does not grow with the history.
   */
  underWay(): Promise<readonly { readonly migrationUuid: string; readonly host: string }[]>;
  /** One statement for all; a row with the same or a newer sequence stays as it is. */
  flush(progress: readonly AgedProgress[]): Promise<void>;
  /** What was flushed, older by the time since then. */
  read(migrationUuids: readonly string[]): Promise<ReadonlyMap<string, AgedProgress>>;
}

/** How the copies of migrations that are over went. */
export interface ProgressHistoryStore {
  /**
   * Up to `limit` migrations that ended since then, the oldest first, whose copy had begun and that have no history here; each with
   * its source. Once a history is older than the time that was asked for it may be deleted.
   */
  missing(
    endedSince: Date,
    limit: number,
  ): Promise<readonly { readonly migrationUuid: string; readonly host: string }[]>;
  /** By migration, in one statement; one that is there stays as it is. Empty where nothing is known any more. */
  archive(histories: ReadonlyMap<string, readonly ProgressPoint[]>): Promise<void>;
  /** The oldest point first; undefined where none was archived, or it is kept no longer. */
  read(migrationUuid: string): Promise<readonly ProgressPoint[] | undefined>;
  /** Deletes up to `limit` of them that were archived before that time, and says how many. */
  prune(before: Date, limit: number): Promise<number>;
}

/** What one process at a time does for all: pruning, for instance. */
export interface DutyStore {
  /**
   * Takes the duty for `leaseMs`, or keeps it for so much longer; false while another owner has it. After its time anybody
   * may take it, so the work is to be such that two may do it at once for a moment.
   */
  take(name: string, owner: string, leaseMs: number): Promise<boolean>;
  /** Nothing happens when another owner has it. */
  giveBack(name: string, owner: string): Promise<void>;
}

export type NewWebhook = Pick<Webhook, "id" | "url" | "secret" | "states" | "position" | "createdBy">;

/** Who is told of changes by HTTP. */
export interface WebhookStore {
  /** The oldest first. */
  list(): Promise<readonly Webhook[]>;
  get(id: string): Promise<Webhook | undefined>;
  create(webhook: NewWebhook): Promise<Webhook>;
  /** False when there is none. */
  remove(id: string): Promise<boolean>;
  /** Switched on it begins anew to count failures; its position stays. @throws `not-found` */
  setEnabled(id: string, enabled: boolean, disabledReason: string | null): Promise<Webhook>;
  /** Moves its position up to a line that was told (`delivered`), or was not to be. It never goes back. */
  advance(id: string, position: number, delivered: boolean): Promise<void>;
  /** It fails since now, or since when it was first noted. */
  noteFailure(id: string, problem: string): Promise<void>;
}

/** Of the migrations in one state. */
export interface StateFigures {
  readonly count: number;
  /** When the oldest of them was asked for. */
  readonly oldestCreatedAt: Date;
  /** When the one was written that has not been written for the longest time. */
  readonly oldestUpdatedAt: Date;
}

/** What the fleet's metrics are made of. */
export interface FleetFigures {
  /** Those in progress alone; a state that none is in is absent. */
  readonly migrations: ReadonlyMap<MigrationState, StateFigures>;
  /** By name. */
  readonly hosts: readonly { readonly host: string; readonly lastSeenAt: Date; readonly forcedDown: boolean }[];
}

/**
 * Everything that outlives a process. Drivers: `openSqliteStore`, `openPostgresStore`.
 *
 * Every operation may reject with `unavailable` while the database is away, and works again by itself once it is back.
 * After a write that rejected so, the write may or may not have been done: read again, or repeat it (a repeated
 * compare-and-set then rejects with `conflict`). Everything is written whole or not at all.
 */
export interface Store {
  readonly migrations: MigrationStore;
  readonly claims: ClaimStore;
  readonly hosts: HostStore;
  readonly guests: GuestStore;
  readonly placement: PlacementStore;
  readonly progress: ProgressStore;
  readonly histories: ProgressHistoryStore;
  readonly serverGroups: ServerGroupStore;
  readonly aggregates: AggregateStore;
  readonly serverZones: ServerZoneStore;
  readonly duties: DutyStore;
  readonly tokens: TokenStore;
  readonly webhooks: WebhookStore;
  readonly serverLocks: ServerLockStore;
  readonly serverActions: ServerActionStore;
  readonly audit: AuditStore;
  /** Counts what is in progress, at a cost that does not grow with the history: for every scrape. */
  figures(): Promise<FleetFigures>;
  /** Answers a trivial query. @throws `unavailable` when the database is away. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
