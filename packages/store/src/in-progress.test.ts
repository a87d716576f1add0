import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { expect, it } from "vitest";
import { isInProgress } from "./in-progress.ts";
import { NodeSqliteDialect } from "./node-sqlite-dialect.ts";
import { schemaChanges } from "./schema/schema-changes.ts";

it("the schema's partial indexes and the queries agree on what is in progress", async () => {
  const kysely = new Kysely<object>({ dialect: new NodeSqliteDialect(new DatabaseSync(":memory:")) });
  const condition = isInProgress().compile(kysely).sql;
  await kysely.destroy();
  const statements = schemaChanges.flatMap((change) =>
    change.statements({ serialKey: "integer primary key", byteOrder: "collate binary", refuseUpdates: () => [] }),
  );
  const partial = statements.filter((statement) => statement.startsWith("create") && statement.includes(" where "));
  expect(partial.length).toBeGreaterThan(0);
  for (const statement of partial) expect(statement).toContain(`where ${condition}`);
  expect(condition).toBe("state not in ('completed', 'failed', 'cancelled')");
});
