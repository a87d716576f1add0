import type { MigrationProgress } from "@drover/model";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { fromJson } from "./rows.ts";
import type { ProgressStore } from "./store.ts";

export function flushedProgress(database: Database): ProgressStore {
  return {
    underWay: async () => {
      const rows = await database.query("reading which migrations are under way", (db) =>
        db
          .selectFrom("migrations")
          .select(["uuid", "source_host"])
          .where(isInProgress())
          .where("state", "!=", "queued")
          .execute(),
      );
      return rows.map(({ uuid, source_host }) => ({ migrationUuid: uuid, host: source_host }));
    },
    flush: (progress) => flush(database, progress),
    read: async (migrationUuids) => {
      if (migrationUuids.length === 0) return new Map();
      const rows = await database.query("reading flushed progress", (db) =>
        db
          .selectFrom("migration_progress")
          .select(["migration_uuid", "snapshot"])
          .where(sql<boolean>`migration_uuid in (select value from ${database.driver.jsonTexts(migrationUuids)})`)
          .execute(),
      );
      return new Map(rows.map((row) => [row.migration_uuid, fromJson<MigrationProgress>(row.snapshot)]));
    },
  };
}

async function flush(database: Database, progress: readonly MigrationProgress[]): Promise<void> {
  const newest = newestOfEach(progress);
  if (newest.length === 0) return;
  const rows = database.driver.jsonObjects(
    newest.map((snapshot) => ({
      migrationUuid: snapshot.migrationUuid,
      sequence: snapshot.sequence,
      observedAtMs: snapshot.observedAtMs,
      snapshot: JSON.stringify(snapshot),
    })),
  );
  await database.query("flushing progress", (db) =>
    sql`insert into migration_progress (migration_uuid, sequence, observed_at, snapshot)
      select e.value ->> 'migrationUuid', cast(e.value ->> 'sequence' as bigint),
        cast(e.value ->> 'observedAtMs' as bigint), e.value ->> 'snapshot'
      from ${rows} as e
      where true
      on conflict (migration_uuid) do update set
        sequence = excluded.sequence, observed_at = excluded.observed_at, snapshot = excluded.snapshot
      where excluded.sequence > migration_progress.sequence`.execute(db),
  );
}

/**
 * One row per migration, since one statement may not write a row twice; in the order of uuids, so that two conductors
 * that flush at once lock rows in one order.
 */
function newestOfEach(progress: readonly MigrationProgress[]): readonly MigrationProgress[] {
  const newest = new Map<string, MigrationProgress>();
  for (const snapshot of progress) {
    const other = newest.get(snapshot.migrationUuid);
    if (other === undefined || snapshot.sequence > other.sequence) newest.set(snapshot.migrationUuid, snapshot);
  }
  return [...newest.values()].sort((a, b) => (a.migrationUuid < b.migrationUuid ? -1 : 1));
}
