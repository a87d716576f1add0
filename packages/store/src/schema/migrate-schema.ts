import { type Clock, DroverError, type Logger } from "@drover/model";
import { type Kysely, sql } from "kysely";
import type { DatabaseDriver } from "../database-driver.ts";
import type { SchemaChange } from "./schema-change.ts";
import { schemaChanges } from "./schema-changes.ts";
import type { Tables } from "./tables.ts";

export interface MigrateSchemaOptions {
  readonly driver: DatabaseDriver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default the changes of this release */
  readonly changes?: readonly SchemaChange[];
}

/**
 * Brings the schema to the version of this code, in one transaction under a lock of the whole database: of several
 * processes that start on an empty database one does the work and the others find it done.
 *
 * @throws `refused` when the database is newer than this code: an older release must not write to it.
 */
export async function migrateSchema(db: Kysely<Tables>, options: MigrateSchemaOptions): Promise<void> {
  const { driver, clock, logger, changes = schemaChanges } = options;
  const newest = changes.at(-1)?.number ?? 0;
  const applied = await db.transaction().execute(async (transaction) => {
    await driver.lock(transaction, "schema");
    await sql`create table if not exists drover_schema (
      number integer primary key, name text not null, applied_at bigint not null
    )`.execute(transaction);
    const { rows } = await sql<{ number: number | null }>`select max(number) as number from drover_schema`.execute(
      transaction,
    );
    const present = rows[0]?.number ?? 0;
    if (present > newest) throw newerThanCode(present, newest);
    const due = changes.filter((change) => change.number > present);
    for (const change of due) {
      for (const statement of change.statements(driver.schemaWords)) await sql.raw(statement).execute(transaction);
      await sql`insert into drover_schema (number, name, applied_at)
        values (${change.number}, ${change.name}, ${clock.now().getTime()})`.execute(transaction);
    }
    return due;
  });
  for (const change of applied) logger.info({ schemaChange: change.name }, "applied a schema change");
}

function newerThanCode(present: number, newest: number): DroverError {
  return new DroverError(
    "refused",
    `opening the database: its schema has number ${present}, this release knows up to ${newest}; ` +
      "start a release at least as new as the one that wrote it",
    { details: { schemaNumber: present, knownSchemaNumber: newest } },
  );
}
