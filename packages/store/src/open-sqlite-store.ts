import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, DroverError, type Logger } from "@drover/model";
import { Kysely, sql } from "kysely";
import { Database } from "./database.ts";
import type { DatabaseDriver, QueryFailure } from "./database-driver.ts";
import { databaseStore } from "./database-store.ts";
import { NodeSqliteDialect } from "./node-sqlite-dialect.ts";
import type { Tables } from "./schema/tables.ts";
import type { Store } from "./store.ts";

export interface SqliteStoreOptions {
  /** The database file; its folder is made when missing. `:memory:` keeps everything in this process. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * SQLite waits so long by itself for another writer, ms. It does so on the event loop, where a writer in this very
 * process could not go on: the patient waiting is asynchronous, in `Database`.
 */
const BUSY_TIMEOUT_MS = 10;

/**
 * Opens the store in a file; resolves when its schema is in place. Several processes, and several stores in one
 * process, may have the same file open.
 *
 * Commits are on disk when a write resolves (WAL, `synchronous = full`).
 *
 * @throws `unavailable` when the file cannot be opened; `refused` when a newer release wrote it; `internal` when it is damaged
 *   or no database.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, logger } = options;
  const database = new Database({ driver: sqliteDriver(openFile(path), path), clock, logger });
  try {
    await database.open();
  } catch (error) {
    await database.close();
    throw error;
  }
  return databaseStore(database);
}

function openFile(path: string): DatabaseSync {
  try {
    if (path !== ":memory:") makeFile(path);
    return new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  } catch (error) {
    throw new DroverError("unavailable", `opening the database file ${path}: check that the path can be written`, {
      cause: error,
    });
  }
}

/** For its owner alone: webhooks' secrets are in it. SQLite gives the files that it makes beside it the same rights. */
function makeFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, "a", 0o600));
  // One that was there, from before or from a backup, may be anybody's to read.
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
}

const NEXT_REVISION = sql<number>`(select coalesce(max(revision), 0) + 1 from placement_changes)`;

function sqliteDriver(file: DatabaseSync, path: string): DatabaseDriver {
  return {
    kysely: new Kysely<Tables>({ dialect: new NodeSqliteDialect(file) }),
    label: path,
    schemaWords: {
      serialKey: "integer primary key autoincrement",
      byteOrder: "collate binary",
      refuseUpdates: (table, condition) => [
        `create trigger ${table}_refuse_update before update on ${table} when ${condition}
          begin select raise(abort, 'rows of ${table} stay as they are'); end`,
      ],
    },
    prepare: async (db) => {
      await sql`pragma journal_mode = wal`.execute(db);
      await sql`pragma synchronous = full`.execute(db);
    },
    // `begin immediate` has locked the whole database already.
    lock: async () => {},
    skipLocked: (query) => query,
    keepFromWriters: (query) => query,
    // One writer at a time.
    writersOfLog: async () => [],
    // One writer at a time: what is committed later has the larger number. No row is ever removed.
    writesInWith: false,
    revision: NEXT_REVISION,
    nextRevision: NEXT_REVISION,
    revisionsEnd: NEXT_REVISION,
    jsonObjects: (elements) => sql`json_each(${JSON.stringify(elements)})`,
    jsonTexts: (elements) => sql`json_each(${JSON.stringify(elements)})`,
    classify,
  };
}

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const CONTENDED = new Set([5, 6]);
const UNAVAILABLE = new Set([8, 10, 13, 14, 23]);
const DAMAGED = new Set([11, 26]);

function classify(error: unknown): QueryFailure {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return "internal";
  // The low byte is the primary code, the rest says more about it.
  const primary = error.errcode & 0xff;
  if (CONTENDED.has(primary)) return "contended";
  if (DAMAGED.has(primary)) return "damaged";
  return UNAVAILABLE.has(primary) ? "unavailable" : "internal";
}
