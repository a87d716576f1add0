import { TERMINAL } from "@drover/model";
import { sql, type Transaction } from "kysely";
import type { Database } from "./database.ts";
import type { Tables } from "./schema/tables.ts";

/**
 * Deletes the records of up to `limit` migrations that are over and were last written before `before`, the oldest first, with
 * their log and their progress. A record that is over is never written again, so that is when it ended.
 */
export async function pruneMigrations(database: Database, before: Date, limit: number): Promise<number> {
  return await database.transact("pruning migrations", async (transaction) => {
    const old = await transaction
      .selectFrom("migrations")
      .select("uuid")
      .where("updated_at", "<", before.getTime())
      .where("state", "in", [...TERMINAL])
      .orderBy("updated_at")
      .limit(limit)
      .execute();
    if (old.length === 0) return 0;
    const uuids = old.map(({ uuid }) => uuid);
    await notePrunedLog(transaction, uuids);
    // These have no foreign key; the log and the claims go with their records.
    await transaction.deleteFrom("migration_progress").where("migration_uuid", "in", uuids).execute();
    await transaction.deleteFrom("progress_histories").where("migration_uuid", "in", uuids).execute();
    await transaction.deleteFrom("migrations").where("uuid", "in", uuids).execute();
    return uuids.length;
  });
}

/** So that who follows the log knows that lines before this one may be missing. It never goes back. */
async function notePrunedLog(transaction: Transaction<Tables>, uuids: readonly string[]): Promise<void> {
  const { newest } = await transaction
    .selectFrom("migration_log")
    .select((e) => e.fn.max<number | null>("id").as("newest"))
    .where("migration_uuid", "in", uuids)
    .executeTakeFirstOrThrow();
  if (newest === null) return;
  await transaction
    .insertInto("pruned_log")
    .values({ one: 1, up_to_id: Number(newest) })
    .onConflict((conflict) =>
      conflict
        .column("one")
        .doUpdateSet({ up_to_id: sql<number>`excluded.up_to_id` })
        .where(sql<boolean>`excluded.up_to_id > pruned_log.up_to_id`),
    )
    .execute();
}
