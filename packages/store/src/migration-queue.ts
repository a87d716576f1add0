import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import type { QueuedMigration } from "./migration-store.ts";

/** Rows of the queue that are read at most: a position beyond it is of no use to anybody. */
const MAX_QUEUE_ROWS = 10_000;

export async function readQueue(database: Database): Promise<readonly QueuedMigration[]> {
  const rows = await database.query("reading the queue", (db) =>
    db
      .selectFrom("migrations")
      .select(["uuid", "source_host", "priority"])
      .where(isInProgress())
      .where("state", "=", "queued")
      .orderBy("priority", "desc")
      .orderBy("created_at")
      .orderBy("id")
      .limit(MAX_QUEUE_ROWS)
      .execute(),
  );
  return rows.map(({ uuid, source_host: sourceHost, priority }) => ({ uuid, sourceHost, priority }));
}
