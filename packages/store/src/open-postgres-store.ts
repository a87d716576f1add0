import { type Clock, DroverError, type Logger } from "@drover/model";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { classifyPostgresError } from "./classify-postgres-error.ts";
import { Database } from "./database.ts";
import type { DatabaseDriver } from "./database-driver.ts";
import { databaseStore } from "./database-store.ts";
import { discardingPool } from "./discarding-pool.ts";
import type { Tables } from "./schema/tables.ts";
import type { Store } from "./store.ts";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with `pg`'s parameters (`sslmode`, …). Never logged. */
  readonly url: string;
  /** Connections at most. @default 10 */
  readonly poolSize?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DEFAULT_POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** The server ends a statement after so long; ours take milliseconds. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** We give a statement up after so long, when not even the server's refusal arrives. */
const ANSWER_TIMEOUT_MS = 12_000;
/** A transaction whose process hangs gives its locks back after so long. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;

/**
 * Opens the store in PostgreSQL 13 or later. Resolves after the first attempt to reach it, which takes at most a few
 * seconds, whether it succeeded or not: while the database is away every operation rejects with `unavailable`, `ping`
 * among them, and the store goes on trying until it is there or closed. The same holds when it goes away later.
 *
 * @throws `bad-request` for a URL that is none; `refused` when a newer release wrote the database; `internal` when its
 *   schema could not be put in place.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { clock, logger } = options;
  const database = new Database({ driver: postgresDriver(options), clock, logger });
  try {
    await database.openOrKeepTrying();
  } catch (error) {
    await database.close();
    throw error;
  }
  return databaseStore(database);
}

function postgresDriver({ url, poolSize = DEFAULT_POOL_SIZE, logger }: PostgresStoreOptions): DatabaseDriver {
  const label = labelOf(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    application_name: "drover",
    types: { getTypeParser },
  });
  // Without a listener a connection that breaks would end the process: one that is idle, which the pool replaces by itself, and one
  // in use, of which the pool says nothing; its query is rejected in any case.
  pool.on("error", (error) => logger.debug({ err: error, database: label }, "an idle database connection broke"));
  pool.on("connect", (client) => client.on("error", () => undefined));
  return {
    kysely: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: discardingPool(pool) }) }),
    label,
    schemaWords: {
      serialKey: "bigint generated always as identity primary key",
      byteOrder: 'collate "C"',
      refuseUpdates: (table, condition) => [
        `create function ${table}_refuse_update() returns trigger language plpgsql as $$
          begin raise exception 'rows of ${table} stay as they are'; end $$`,
        `create trigger ${table}_refuse_update before update on ${table} for each row when (${condition})
          execute function ${table}_refuse_update()`,
      ],
    },
    prepare: async () => {},
    // The hash may make two scopes share a lock; they then wait for each other, which is slower but right.
    lock: async (transaction, scope) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`drover ${scope}`}, 0))`.execute(transaction);
    },
    skipLocked: (query) => query.forUpdate().skipLocked(),
    keepFromWriters: (query) => query.forShare(),
    // An insert locks its table before it takes an id, and gives the lock back after its commit can be seen.
    writersOfLog: async (db) => {
      const { rows } = await sql<{ writer: string }>`select virtualtransaction as writer from pg_locks
        where relation = 'migration_log'::regclass and mode = 'RowExclusiveLock'
          and database = (select oid from pg_database where datname = current_database())`.execute(db);
      return rows.map(({ writer }) => writer);
    },
    // Transactions commit in another order than they began in: one that cannot be seen yet has the oldest number that is still at
    // work, or a newer one (postgresql.org/docs/current/functions-info.html, pg_snapshot_xmin).
    writesInWith: true,
    revision: sql`cast(cast(pg_current_xact_id() as text) as bigint)`,
    nextRevision: sql`cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint)`,
    revisionsEnd: sql`cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint)`,
    jsonObjects: (elements) => sql`jsonb_array_elements(cast(${JSON.stringify(elements)} as jsonb))`,
    jsonTexts: (elements) => sql`jsonb_array_elements_text(cast(${JSON.stringify(elements)} as jsonb))`,
    classify: classifyPostgresError,
  };
}

/** 64-bit integers are times, sizes and counts of ours, all far below 2^53. */
function getTypeParser(oid: number): (text: string) => unknown {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid);
}

/** Host, port and database name. The URL itself must reach neither a log nor an error: it may hold a password. */
function labelOf(url: string): string {
  if (!URL.canParse(url)) {
    throw new DroverError("bad-request", "opening the database: the URL must look like postgres://user@host/database");
  }
  const { hostname, port, pathname, searchParams } = new URL(url);
  return `${searchParams.get("host") ?? hostname}:${port === "" ? "5432" : port}${pathname}`;
}
