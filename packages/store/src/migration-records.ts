import { randomUUID } from "node:crypto";
import { DroverError, type Migration, type MigrationState } from "@drover/model";
import { type Insertable, type Kysely, type QueryCreator, sql, type Transaction } from "kysely";
import type { Database } from "./database.ts";
import { areInProgress, isInProgress } from "./in-progress.ts";
import type {
  AdoptedMigration,
  ExpectedVersion,
  LogLine,
  MigrationChange,
  MigrationFilter,
  NewMigration,
} from "./migration-store.ts";
import { columnsFromChange, migrationFromRow } from "./rows.ts";
import type { MigrationRow, MigrationTable, Tables } from "./schema/tables.ts";

const DEFAULT_LIMIT = 1000;

export async function createMigration(database: Database, wanted: NewMigration, log: LogLine): Promise<Migration> {
  const doing = `recording a migration of server ${wanted.serverUuid}`;
  return database.transact(doing, async (transaction) => {
    const first = { uuid: randomUUID(), state: "queued", generation: 1, destination_host: wanted.requestedHost };
    const row = await insertMigration(database, transaction, wanted, { ...first, flags: "[]", outputs: "{}" }, log);
    if (row === undefined) throw await alreadyMigrating(transaction, wanted);
    return row;
  });
}

export async function adoptMigration(
  database: Database,
  adopted: AdoptedMigration,
  log: LogLine,
): Promise<Migration | undefined> {
  const columns = {
    uuid: adopted.uuid,
    state: "unknown",
    generation: adopted.generation,
    destination_host: adopted.destinationHost,
    flags: JSON.stringify(adopted.flags),
    outputs: JSON.stringify(adopted.outputs),
    started_at: adopted.startedAt.getTime(),
  };
  return database.transact(`recording migration ${adopted.uuid} again`, (transaction) =>
    insertMigration(database, transaction, adopted, columns, log),
  );
}

type FirstColumns = Pick<
  Insertable<MigrationTable>,
  "uuid" | "state" | "generation" | "destination_host" | "flags" | "outputs" | "started_at"
>;

/** The partial unique index decides a race: the later insert waits for the earlier transaction, then does nothing. */
async function insertMigration(
  database: Database,
  transaction: Transaction<Tables>,
  wanted: NewMigration,
  columns: FirstColumns,
  log: LogLine,
): Promise<Migration | undefined> {
  const atMs = database.now().getTime();
  const row = await transaction
    .insertInto("migrations")
    .values({
      ...columns,
      server_uuid: wanted.serverUuid,
      server_name: wanted.serverName,
      source_host: wanted.sourceHost,
      requested_host: wanted.requestedHost,
      block_migration: toFlag(wanted.blockMigration),
      memory_kib: wanted.memoryKiB,
      policy: JSON.stringify(wanted.policy),
      policy_origins: JSON.stringify(wanted.policyOrigins ?? {}),
      step: wanted.step,
      priority: wanted.priority ?? 0,
      agent_sequence: 0,
      requested_by: wanted.requestedBy,
      project_id: wanted.projectId,
      request_id: wanted.requestId,
      traceparent: wanted.traceparent ?? null,
      created_at: atMs,
      updated_at: atMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  await writeLog(transaction, row, log, atMs);
  return migrationFromRow(row);
}

export async function getMigration(
  database: Database,
  key: { readonly uuid: string } | { readonly id: number },
): Promise<Migration | undefined> {
  const row = await database.query("reading a migration", (db) => {
    const query = db.selectFrom("migrations").selectAll();
    return "uuid" in key
      ? query.where("uuid", "=", key.uuid).executeTakeFirst()
      : query.where("id", "=", key.id).executeTakeFirst();
  });
  return row === undefined ? undefined : migrationFromRow(row);
}

export async function getMigrations(
  database: Database,
  uuids: readonly string[],
): Promise<ReadonlyMap<string, Migration>> {
  if (uuids.length === 0) return new Map();
  const rows = await database.query(`reading ${uuids.length} migrations`, (db) =>
    db
      .selectFrom("migrations")
      .selectAll()
      .where(sql<boolean>`uuid in (select value from ${database.driver.jsonTexts(uuids)})`)
      .execute(),
  );
  return new Map(rows.map((row) => [row.uuid, migrationFromRow(row)]));
}

export async function getMigrationsById(
  database: Database,
  ids: readonly number[],
): Promise<ReadonlyMap<number, Migration>> {
  if (ids.length === 0) return new Map();
  const texts = ids.map(String);
  const rows = await database.query(`reading ${ids.length} migrations`, (db) =>
    db
      .selectFrom("migrations")
      .selectAll()
      .where(sql<boolean>`id in (select cast(value as bigint) from ${database.driver.jsonTexts(texts)})`)
      .execute(),
  );
  return new Map(rows.map((row) => [row.id, migrationFromRow(row)]));
}

export async function listMigrations(database: Database, filter: MigrationFilter): Promise<readonly Migration[]> {
  if (filter.states?.length === 0) return [];
  const rows = await database.query("listing migrations", async (db) => {
    let query = db.selectFrom("migrations").selectAll();
    const {
      serverUuid,
      serverUuids,
      serverName,
      states,
      host,
      sourceHost,
      destinationHost,
      projectId,
      userId,
      marker,
    } = filter;
    if (serverUuid !== undefined) query = query.where("server_uuid", "=", serverUuid);
    if (serverUuids !== undefined) {
      const named = sql<boolean>`server_uuid in (select value from ${database.driver.jsonTexts(serverUuids)})`;
      query = query.where(named);
    }
    if (serverName !== undefined) query = query.where("server_name", "=", serverName);
    if (states !== undefined) {
      query = query.where("state", "in", [...states]);
      if (areInProgress(states)) query = query.where(isInProgress());
    }
    if (host !== undefined) {
      query = query.where((e) => e.or([e("source_host", "=", host), e("destination_host", "=", host)]));
    }
    if (sourceHost !== undefined) query = query.where("source_host", "=", sourceHost);
    if (destinationHost !== undefined) query = query.where("destination_host", "=", destinationHost);
    if (projectId !== undefined) query = query.where("project_id", "=", projectId);
    if (userId !== undefined) query = query.where("requested_by", "=", userId);
    if (filter.changedSince !== undefined) query = query.where("updated_at", ">=", filter.changedSince.getTime());
    if (filter.changedBefore !== undefined) query = query.where("updated_at", "<=", filter.changedBefore.getTime());
    if (marker !== undefined) {
      const last = await db
        .selectFrom("migrations")
        .select(["created_at", "id"])
        .where("uuid", "=", marker)
        .executeTakeFirst();
      if (last === undefined) throw unknownMarker(marker);
      query = query.where(sql<boolean>`(created_at, id) < (${last.created_at}, ${last.id})`);
    }
    return query
      .orderBy("created_at", "desc")
      .orderBy("id", "desc")
      .limit(filter.limit ?? DEFAULT_LIMIT)
      .execute();
  });
  return rows.map(migrationFromRow);
}

export async function updateMigration(
  database: Database,
  uuid: string,
  expected: ExpectedVersion,
  change: MigrationChange,
  log?: LogLine,
  raise = 1,
): Promise<Migration> {
  const doing = `writing migration ${uuid}`;
  const write = { uuid, expected, change, raise, atMs: database.now().getTime() };
  if (log === undefined || !database.driver.writesInWith) {
    return database.transact(doing, (transaction) => compareAndSet(transaction, { ...write, log }));
  }
  return database.query(doing, (db) => compareAndSetAtOnce(db, write, log));
}

export interface CompareAndSet {
  readonly uuid: string;
  readonly expected: ExpectedVersion;
  readonly change: MigrationChange;
  readonly log: LogLine | undefined;
  /** What the generation grows by. @default 1 */
  readonly raise?: number;
  readonly atMs: number;
}

/** The one write of a record. @throws `conflict` when state or generation differ; `not-found` */
export async function compareAndSet(transaction: Transaction<Tables>, write: CompareAndSet): Promise<Migration> {
  const row = await changeOf(transaction, write).executeTakeFirst();
  if (row === undefined) throw await whyNotWritten(transaction, write);
  if (write.log !== undefined) await writeLog(transaction, row, write.log, write.atMs);
  return migrationFromRow(row);
}

/**
 * The same as one statement, where the database can. A migration is written ten times: each of the four round trips of a transaction
 * costs more than the write.
 */
async function compareAndSetAtOnce(
  db: Kysely<Tables>,
  write: Omit<CompareAndSet, "log">,
  log: LogLine,
): Promise<Migration> {
  const row = await db
    .with("written", (inner) => changeOf(inner, write))
    .with("logged", (inner) => {
      const { at, event, message, numbers, request } = logColumns(log, write.atMs);
      const text = (value: string | null) => sql<string>`cast(${value} as text)`;
      return inner
        .insertInto("migration_log")
        .columns(["migration_uuid", "state", "at", "event", "message", "numbers", "request"])
        .expression((e) =>
          e
            .selectFrom("written")
            .select([
              "uuid",
              "state",
              sql<number>`cast(${at} as bigint)`.as("at"),
              text(event).as("event"),
              text(message).as("message"),
              text(numbers).as("numbers"),
              text(request).as("request"),
            ]),
        );
    })
    .selectFrom("written")
    .selectAll()
    .executeTakeFirst();
  if (row === undefined) throw await whyNotWritten(db, write);
  return migrationFromRow(row);
}

function changeOf(db: Pick<QueryCreator<Tables>, "updateTable">, write: Omit<CompareAndSet, "log">) {
  return db
    .updateTable("migrations")
    .set(columnsFromChange(write.change))
    .set((e) => ({ generation: e("generation", "+", write.raise ?? 1), updated_at: write.atMs }))
    .where("uuid", "=", write.uuid)
    .where("state", "=", write.expected.state)
    .where("generation", "=", write.expected.generation)
    .returningAll();
}

export async function appendLog(database: Database, uuid: string, state: MigrationState, line: LogLine): Promise<void> {
  await database.transact(`adding to the log of migration ${uuid}`, async (transaction) => {
    await requireMigration(transaction, uuid);
    await writeLog(transaction, { uuid, state }, line, database.now().getTime());
  });
}

type FoundMigration = Pick<MigrationRow, "state" | "generation" | "source_host" | "id" | "priority" | "created_at">;

/** @throws `not-found` */
async function requireMigration(db: Kysely<Tables>, uuid: string): Promise<FoundMigration> {
  const row = await db
    .selectFrom("migrations")
    .select(["state", "generation", "source_host", "id", "priority", "created_at"])
    .where("uuid", "=", uuid)
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw unknownMigration(uuid);
}

export function unknownMigration(uuid: string): DroverError {
  return new DroverError("not-found", `there is no migration ${uuid}`, { details: { migrationUuid: uuid } });
}

/** For callers that hold a version: @throws `conflict` when the record has gone on; `not-found` */
export async function requireVersion(
  transaction: Transaction<Tables>,
  uuid: string,
  expected: ExpectedVersion,
): Promise<FoundMigration> {
  const row = await requireMigration(transaction, uuid);
  if (row.state === expected.state && row.generation === expected.generation) return row;
  throw changedMeanwhile(uuid, expected, row);
}

function toFlag(value: boolean | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

async function writeLog(
  transaction: Transaction<Tables>,
  migration: { readonly uuid: string; readonly state: string },
  line: LogLine,
  atMs: number,
): Promise<void> {
  await transaction
    .insertInto("migration_log")
    .values({ migration_uuid: migration.uuid, state: migration.state, ...logColumns(line, atMs) })
    .execute();
}

function logColumns(line: LogLine, atMs: number) {
  return {
    at: atMs,
    event: line.event,
    message: line.message,
    numbers: line.numbers === undefined ? null : JSON.stringify(line.numbers),
    request: line.request === undefined ? null : JSON.stringify(line.request),
  };
}

async function alreadyMigrating(transaction: Transaction<Tables>, wanted: NewMigration): Promise<DroverError> {
  const other = await transaction
    .selectFrom("migrations")
    .select(["uuid", "state"])
    .where("server_uuid", "=", wanted.serverUuid)
    .where(isInProgress())
    .executeTakeFirst();
  return new DroverError("conflict", `server ${wanted.serverUuid} already has a migration in progress`, {
    details: { serverUuid: wanted.serverUuid, migrationUuid: other?.uuid ?? null, state: other?.state ?? null },
  });
}

async function whyNotWritten(db: Kysely<Tables>, write: Omit<CompareAndSet, "log">): Promise<DroverError> {
  return changedMeanwhile(write.uuid, write.expected, await requireMigration(db, write.uuid));
}

function changedMeanwhile(
  uuid: string,
  expected: ExpectedVersion,
  found: { readonly state: string; readonly generation: number },
): DroverError {
  return new DroverError(
    "conflict",
    `migration ${uuid} is ${found.state} in generation ${found.generation}, not ${expected.state} in generation ` +
      `${expected.generation}: someone else wrote first`,
    { details: { migrationUuid: uuid, state: found.state, generation: found.generation } },
  );
}

function unknownMarker(marker: string): DroverError {
  return new DroverError(
    "bad-request",
    `marker: there is no migration ${marker}; name the last one of the page before`,
    {
      details: { marker },
    },
  );
}
