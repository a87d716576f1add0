import { DatabaseSync } from "node:sqlite";
import { silentLogger, systemClock } from "@drover/model";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DatabaseDriver } from "../database-driver.ts";
import { NodeSqliteDialect } from "../node-sqlite-dialect.ts";
import { migrateSchema } from "./migrate-schema.ts";
import type { SchemaChange } from "./schema-change.ts";
import type { Tables } from "./tables.ts";

let kysely: Kysely<Tables>;
beforeEach(() => {
  kysely = new Kysely<Tables>({ dialect: new NodeSqliteDialect(new DatabaseSync(":memory:")) });
});
afterEach(async () => {
  await kysely.destroy();
});

const first: SchemaChange = {
  number: 1,
  name: "0001-first",
  statements: ({ serialKey }) => [`create table things (id ${serialKey})`],
};
const second: SchemaChange = {
  number: 2,
  name: "0002-second",
  statements: () => ["alter table things add column name text"],
};
const broken: SchemaChange = {
  number: 3,
  name: "0003-broken",
  statements: () => ["create table more (id integer)", "create table more (id integer)"],
};

async function migrate(...changes: readonly SchemaChange[]): Promise<void> {
  const driver: DatabaseDriver = {
    kysely,
    label: "test",
    schemaWords: { serialKey: "integer primary key", byteOrder: "collate binary", refuseUpdates: () => [] },
    prepare: async () => {},
    lock: async () => {},
    skipLocked: (query) => query,
    keepFromWriters: (query) => query,
    writersOfLog: async () => [],
    writesInWith: false,
    revision: sql`unused`,
    nextRevision: sql`unused`,
    revisionsEnd: sql`unused`,
    jsonObjects: () => sql`unused`,
    jsonTexts: () => sql`unused`,
    classify: () => "internal",
  };
  await migrateSchema(kysely, { driver, clock: systemClock, logger: silentLogger, changes });
}

async function applied(): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`select name from drover_schema order by number`.execute(kysely);
  return rows.map((row) => row.name);
}

it("a database is brought on by what it lacks, each change once", async () => {
  await migrate(first);
  await migrate(first, second);
  await migrate(first, second);
  expect(await applied()).toEqual(["0001-first", "0002-second"]);
  await sql`insert into things (name) values ('x')`.execute(kysely);
});

it("a change that fails leaves everything as it was, the changes before it in the same start too", async () => {
  await migrate(first);
  await expect(migrate(first, second, broken)).rejects.toThrow("more");
  expect(await applied()).toEqual(["0001-first"]);
  await expect(sql`select name from things`.execute(kysely)).rejects.toThrow("name");
});

it("an older release refuses a newer database", async () => {
  await migrate(first, second);
  await expect(migrate(first)).rejects.toMatchObject({ code: "refused" });
});
