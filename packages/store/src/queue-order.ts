import { type ExpressionBuilder, type SqlBool, sql } from "kysely";
import type { MigrationRow, Tables } from "./schema/tables.ts";

/** What places a migration among those that wait: the larger priority first, then the older. */
export type InQueue = Pick<MigrationRow, "id" | "priority" | "created_at">;

/** True of those that are before it. */
export function comesBefore({ id, priority, created_at }: InQueue) {
  return (e: ExpressionBuilder<Tables, "migrations">) =>
    e.or([
      e("priority", ">", priority),
      e.and([e("priority", "=", priority), sql<SqlBool>`(created_at, id) < (${created_at}, ${id})`]),
    ]);
}
