import { DroverError } from "@drover/model";
import type {
  BroughtContent,
  ConnectedPool,
  EndedMigration,
  JournalContent,
  JournalEntry,
  MadeProof,
  PreparedEntry,
} from "./journal-entry.ts";
import { readStateFile, type StateFile, stateFileOnDisk, writeStateFile } from "./state-file.ts";

/** What the agent was told of the records reaches the disk at least this often, ms; usually with other changes. */
const RECORDS_SEEN_SAVED_MS = 60_000;
/** Ended migrations remembered, so that a command that comes late finds its answer. */
const KEPT_ENDED = 200;
const KEPT_PREPARED = 1_000;

/**
 * The agent's memory over restarts: the migrations it steers, how the last ones ended, and what was prepared here.
 *
 * Each change resolves when it is on disk. Changes that come while a write is under way share the next one, so a
 * burst of starts costs two writes, not one each.
 */
export class Journal {
  readonly #file: StateFile;
  readonly #migrations: Map<string, JournalEntry>;
  readonly #prepared: Map<string, PreparedEntry>;
  /** By path. */
  readonly #brought: Map<string, BroughtContent>;
  /** By path. */
  readonly #proofs: Map<string, MadeProof>;
  /** By name. */
  readonly #pools: Map<string, ConnectedPool>;
  #recordsSeenAtMs: number;
  #recordsSavedAtMs: number;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(file: StateFile, content: JournalContent) {
    this.#file = file;
    this.#migrations = new Map(content.migrations.map((entry) => [entry.migrationUuid, entry]));
    this.#prepared = new Map(content.prepared.map((entry) => [entry.migrationUuid, entry]));
    this.#brought = new Map(content.brought.map((file) => [file.path, file]));
    this.#proofs = new Map(content.proofs.map((proof) => [proof.path, proof]));
    this.#pools = new Map(content.pools.map((pool) => [pool.name, pool]));
    this.#recordsSeenAtMs = content.recordsSeenAtMs;
    this.#recordsSavedAtMs = content.recordsSeenAtMs;
  }

  /** @throws {DroverError} `bad-request` when the file is not readable as ours. */
  static async open(where: string | StateFile): Promise<Journal> {
    const file = typeof where === "string" ? stateFileOnDisk(where) : where;
    return new Journal(file, await readStateFile(file));
  }

  get(migrationUuid: string): JournalEntry | undefined {
    return this.#migrations.get(migrationUuid);
  }

  entries(): readonly JournalEntry[] {
    return [...this.#migrations.values()];
  }

  put(entry: JournalEntry): Promise<void> {
    this.#migrations.set(entry.migrationUuid, entry);
    return this.#save();
  }

  /** Changes one entry. @throws {DroverError} `internal` when there is none. */
  update(migrationUuid: string, change: Partial<JournalEntry>): Promise<void> {
    const entry = this.#migrations.get(migrationUuid);
    if (entry === undefined) {
      throw new DroverError(
        "internal",
        `changing the journal entry of migration ${migrationUuid}, which does not exist`,
      );
    }
    return this.put({ ...entry, ...change });
  }

  /** Forgets an entry that never came to be: what it was for was not begun. Never rejects. */
  async drop(migrationUuid: string): Promise<void> {
    if (this.#migrations.delete(migrationUuid)) await this.#save().catch(() => {});
  }

  end(migrationUuid: string, ended: EndedMigration): Promise<void> {
    const saved = this.update(migrationUuid, { ended });
    this.#dropOldest();
    return saved;
  }

  /** The conductor has the outcome; it is kept a while for commands that come late. */
  async acknowledge(migrationUuid: string): Promise<void> {
    const ended = this.#migrations.get(migrationUuid)?.ended;
    if (ended === undefined || ended === null || ended.acknowledged) return;
    await this.update(migrationUuid, { ended: { ...ended, acknowledged: true } });
  }

  prepared(migrationUuid: string): PreparedEntry | undefined {
    return this.#prepared.get(migrationUuid);
  }

  /** When it rejects, what was remembered before still is, so that a repetition is written down anew. */
  async putPrepared(entry: PreparedEntry): Promise<void> {
    const before = this.#prepared.get(entry.migrationUuid);
    this.#prepared.set(entry.migrationUuid, entry);
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size <= KEPT_PREPARED) break;
      this.#prepared.delete(oldest);
    }
    try {
      await this.#save();
    } catch (error) {
      if (before === undefined) this.#prepared.delete(entry.migrationUuid);
      else this.#prepared.set(entry.migrationUuid, before);
      throw error;
    }
  }

  async forgetPrepared(migrationUuid: string): Promise<void> {
    if (this.#prepared.delete(migrationUuid)) await this.#save();
  }

  /**
   * The guest has arrived, and what was made for its disks is its own. Files that were brought with it are remembered until it
   * leaves: it alone needs them here.
   */
  async settlePrepared(migrationUuid: string): Promise<void> {
    const entry = this.#prepared.get(migrationUuid);
    if (entry === undefined) return;
    for (const { path, content } of entry.volumes) {
      if (content === true) this.#brought.set(path, { path, serverUuid: entry.serverUuid });
    }
    await this.forgetPrepared(migrationUuid);
  }

  /** Paths of the files that migrations brought onto this host with a guest. */
  broughtWith(serverUuid: string): readonly string[] {
    return [...this.#brought.values()].filter((file) => file.serverUuid === serverUuid).map(({ path }) => path);
  }

  async forgetBrought(paths: readonly string[]): Promise<void> {
    const known = paths.filter((path) => this.#brought.delete(path));
    if (known.length > 0) await this.#save();
  }

  proofs(): readonly MadeProof[] {
    return [...this.#proofs.values()];
  }

  putProofs(proofs: readonly MadeProof[]): Promise<void> {
    for (const proof of proofs) this.#proofs.set(proof.path, proof);
    return this.#save();
  }

  async forgetProofs(paths: readonly string[]): Promise<void> {
    const known = paths.filter((path) => this.#proofs.delete(path));
    if (known.length > 0) await this.#save();
  }

  /** Storage pools that were started here for guests. */
  pools(): readonly ConnectedPool[] {
    return [...this.#pools.values()];
  }

  putPool(pool: ConnectedPool): Promise<void> {
    this.#pools.set(pool.name, pool);
    return this.#save();
  }

  async forgetPool(name: string): Promise<void> {
    if (this.#pools.delete(name)) await this.#save();
  }

  preparedEntries(): readonly PreparedEntry[] {
    return [...this.#prepared.values()];
  }

  /** When the records were last written, as far as this agent was told; ms since 1970, 0 if never. */
  get recordsSeenAtMs(): number {
    return this.#recordsSeenAtMs;
  }

  /** Remembers it; on disk within a minute, and with the next change. Never rejects. */
  async noteRecords(recordedAtMs: number): Promise<void> {
    this.#recordsSeenAtMs = Math.max(this.#recordsSeenAtMs, recordedAtMs);
    if (this.#recordsSeenAtMs - this.#recordsSavedAtMs >= RECORDS_SEEN_SAVED_MS) await this.#save().catch(() => {});
  }

  /** Resolves when nothing is left to write. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#next]);
  }

  /** Only what the conductor has acknowledged may be forgotten. */
  #dropOldest(): void {
    const done = this.entries()
      .filter((entry) => entry.ended?.acknowledged === true)
      // What is not settled still has something to be cleaned up: it goes last.
      .sort(
        (left, right) =>
          Number(right.settled) - Number(left.settled) || (left.ended?.atMs ?? 0) - (right.ended?.atMs ?? 0),
      );
    for (const entry of done.slice(0, Math.max(0, done.length - KEPT_ENDED))) {
      this.#migrations.delete(entry.migrationUuid);
    }
  }

  #save(): Promise<void> {
    if (this.#writing === undefined) {
      this.#writing = this.#write();
      return this.#writing;
    }
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  #write(): Promise<void> {
    const recordsSeenAtMs = this.#recordsSeenAtMs;
    const content = {
      version: 1,
      migrations: this.entries(),
      prepared: this.preparedEntries(),
      brought: [...this.#brought.values()],
      proofs: this.proofs(),
      pools: this.pools(),
      recordsSeenAtMs,
    } as const;
    this.#recordsSavedAtMs = recordsSeenAtMs;
    const writing: Promise<void> = writeStateFile(this.#file, content).finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    return writing;
  }
}
