import type {
  LoggedRequest,
  Migration,
  MigrationLogEntry,
  MigrationNumbers,
  MigrationPolicy,
  MigrationState,
  PolicyOrigins,
} from "@drover/model";
import type { ClaimLimits } from "./claim-refusal.ts";

/** What a new record is made of; the store adds id, uuid, state `queued`, generation 1 and the times. */
export interface NewMigration {
  readonly serverUuid: string;
  readonly serverName: string;
  readonly sourceHost: string;
  readonly requestedHost: string | null;
  /** Nova's `block_migration`. @default null: `auto` */
  readonly blockMigration?: boolean | null;
  readonly memoryKiB: number;
  readonly policy: MigrationPolicy;
  /** @default nothing is known of it */
  readonly policyOrigins?: PolicyOrigins;
  readonly step: string;
  /** The larger goes first while it waits. @default 0 */
  readonly priority?: number;
  readonly requestedBy: string;
  readonly projectId: string;
  readonly requestId: string;
  /** @default null */
  readonly traceparent?: string | null;
}

/** Lines of the log: those with `afterId` < id <= `upToId`, the first `limit` of them. */
export interface LogRange {
  readonly afterId: number;
  readonly upToId: number;
  readonly limit: number;
}

/** How many migrations may hold a slot at the same time; a host's own limit counts before `maxOutgoing`. */
export interface SlotLimits {
  readonly maxOutgoing: number;
  readonly maxFleet: number;
}

/** Whether a migration has its source's slot, and otherwise what is in the way. */
export type SlotAnswer =
  /** `moreFree`: the source has a slot for another one. */
  | { readonly kind: "taken"; readonly migration: Migration; readonly moreFree: boolean }
  | { readonly kind: "full"; readonly limit: "source" | "fleet"; readonly max: number }
  /** Those before it in the queue are to have what is free of `limit`; `next` is the first of them. */
  | { readonly kind: "not-its-turn"; readonly limit: "source" | "fleet"; readonly next: string | undefined };

/** A migration that waits, as the queue has it. */
export interface QueuedMigration {
  readonly uuid: string;
  readonly sourceHost: string;
  readonly priority: number;
}

/** What an agent's state file knows of a migration whose record is lost. */
export interface AdoptedMigration extends NewMigration {
  readonly uuid: string;
  readonly destinationHost: string;
  readonly generation: number;
  readonly flags: Migration["flags"];
  readonly outputs: Migration["outputs"];
  readonly startedAt: Date;
}

/** The fields a conductor may write. Identity, generation and times are the store's own. */
export type MigrationChange = Partial<
  Omit<
    Migration,
    | "id"
    | "uuid"
    | "serverUuid"
    | "serverName"
    | "sourceHost"
    | "requestedHost"
    | "blockMigration"
    | "memoryKiB"
    | "generation"
    | "requestedBy"
    | "projectId"
    | "requestId"
    | "traceparent"
    | "createdAt"
    | "updatedAt"
  >
>;

/** The version a writer has read; a write succeeds only against exactly this. */
export interface ExpectedVersion {
  readonly state: MigrationState;
  readonly generation: number;
}

/** A line for the migration's log, written in the same transaction as the change it tells of. */
export interface LogLine {
  readonly event: string;
  readonly message: string;
  /** Of a decision. @default none */
  readonly numbers?: MigrationNumbers;
  /** Of what somebody asked for. @default none */
  readonly request?: LoggedRequest;
}

export interface MigrationFilter {
  readonly serverUuid?: string;
  readonly serverUuids?: readonly string[];
  readonly serverName?: string;
  readonly states?: readonly MigrationState[];
  /** Source or destination. */
  readonly host?: string;
  readonly sourceHost?: string;
  readonly destinationHost?: string;
  readonly projectId?: string;
  readonly userId?: string;
  readonly changedSince?: Date;
  readonly changedBefore?: Date;
  /** Rows at most. @default 1000 */
  readonly limit?: number;
  /** The uuid of the last row of the page before. @throws `bad-request` for an unknown one */
  readonly marker?: string;
}

/**
 * Records of migrations. Every write is a compare-and-set; zero rows changed is a `conflict`.
 *
 * The transition table is the caller's to obey: the store writes the state it is given.
 */
export interface MigrationStore {
  /** @throws `conflict` with `details.migrationUuid` when the server already has a migration in progress. */
  create(migration: NewMigration, log: LogLine): Promise<Migration>;
  get(uuid: string): Promise<Migration | undefined>;
  getById(id: number): Promise<Migration | undefined>;
  /** By uuid; one that there is not is absent. */
  getMany(uuids: readonly string[]): Promise<ReadonlyMap<string, Migration>>;
  /** The same by number. */
  getManyById(ids: readonly number[]): Promise<ReadonlyMap<number, Migration>>;
  /** Newest first (created_at, then id). */
  list(filter: MigrationFilter): Promise<readonly Migration[]>;
  /**
   * Writes `change`, raises the generation by one. Fields that are absent or undefined stay as they are.
   *
   * @throws `conflict` when state or generation differ, with the present ones in `details`; `not-found`
   */
  update(uuid: string, expected: ExpectedVersion, change: MigrationChange, log?: LogLine): Promise<Migration>;
  /** Raises the generation by a million as well: beyond whatever agents have seen of a record that is older than they. */
  updateRestored(uuid: string, expected: ExpectedVersion, change: MigrationChange, log: LogLine): Promise<Migration>;
  /**
   * queued → preparing, only while fewer than `maxOutgoing` migrations hold a slot of the source (and fewer than
   * `maxFleet` in all), and only when no other one that waits is before it: the larger priority first, then the older.
   * Correct under racing conductors.
   */
  takeSourceSlot(
    uuid: string,
    expected: ExpectedVersion,
    limits: SlotLimits,
    change: MigrationChange,
    log: LogLine,
  ): Promise<SlotAnswer>;
  /** All that are `queued`, in the order in which slots are given to them. */
  queue(): Promise<readonly QueuedMigration[]>;
  /** The lines of these migrations, in the order in which they were written. */
  readLog(...uuids: readonly string[]): Promise<readonly MigrationLogEntry[]>;
  /**
   * At most `limit` lines of all migrations after the one with this id, in the order of ids: for who follows the log. No line
   * that is committed later has an id below the last of these, so a reader that goes on from there misses none.
   */
  readLogAfter(afterId: number, limit: number): Promise<readonly MigrationLogEntry[]>;
  /** Lines up to one that {@link MigrationStore.readLogAfter} or {@link MigrationStore.logBounds} gave, in the order of ids. */
  readLogRange(range: LogRange): Promise<readonly MigrationLogEntry[]>;
  /**
   * From `oldestId` on no line was pruned, and `newestId` is the last; undefined where there never was one. Nothing that is
   * committed later has an id below `newestId`.
   */
  logBounds(): Promise<{ readonly oldestId: number; readonly newestId: number } | undefined>;
  appendLog(uuid: string, state: MigrationState, line: LogLine): Promise<void>;

  /**
   * Records again a migration that an agent knows and the database does not: as `unknown`, so that both hosts are asked.
   * Returns undefined when the uuid is there already, or the server has another migration in progress.
   */
  adopt(migration: AdoptedMigration, log: LogLine): Promise<Migration | undefined>;

  /**
   * Deletes the records of up to `limit` migrations that were over before `before`, the oldest first, with their log and
   * their progress. One that is in progress stays, however old.
   *
   * @returns how many
   */
  prune(before: Date, limit: number): Promise<number>;

  /**
   * Takes up to `limit` migrations in progress whose lease is free or has run out, for `leaseMs`: those under way, then those
   * that are queued by priority, the older first. A lease
   * that another owner let run out raises the generation: the fence against that owner.
   */
  acquireLeases(owner: string, leaseMs: number, limit: number): Promise<readonly Migration[]>;
  /** Prolongs; returns the uuids that `owner` still holds, the others are lost and must not be acted on. */
  renewLeases(owner: string, uuids: readonly string[], leaseMs: number): Promise<readonly string[]>;
  releaseLease(owner: string, uuid: string): Promise<void>;
}

/** A destination's memory and inbound slot, held for one migration. */
export interface DestinationClaim {
  readonly migrationUuid: string;
  readonly host: string;
  readonly memoryKiB: number;
}

export interface ListedClaim extends DestinationClaim {
  /** Whom it is for. */
  readonly serverUuid: string;
}

export interface ClaimStore {
  /**
   * Holds memory and one inbound slot on `host`. Repeating it for the same migration and host changes nothing; for
   * another host the claim moves. Correct under racing conductors.
   *
   * @param limits.memoryKiB what may be claimed on the host in all: its memory less what its guests use. A limit that an
   *   operator set for the host counts before `limits.maxIncoming`.
   * A slot is kept for those that are before it in the queue and wait for this host (`waitsForHosts`), as long as somebody
   * works on them and their source could send them: the refusal names the first as `details.next`.
   *
   * @throws `refused` with which limit stood in the way, in the message and as `details.limit`; what the migration held
   *   on another host it still holds. `conflict` for a migration in a state that holds no claim
   *   (`HOLDS_DESTINATION_CLAIM`), over ones among them; `not-found` for an unknown migration.
   */
  claim(claim: DestinationClaim, limits: ClaimLimits): Promise<void>;
  /**
   * Nothing happens when there is none.
   *
   * @param holder The claim is released only while the record is this one. @throws `conflict` when it has gone on
   */
  release(migrationUuid: string, holder?: ExpectedVersion): Promise<void>;
  list(): Promise<readonly ListedClaim[]>;
}
