import type { AgedProgress, MigrationProgress } from "@drover/model";
import { type Selectable, sql } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { fromJson } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";
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
          .select(["migration_uuid", "observed_at", "snapshot"])
          .where(sql<boolean>`migration_uuid in (select value from ${database.driver.jsonTexts(migrationUuids)})`)
          .execute(),
      );
      const nowMs = database.now().getTime();
      return new Map(rows.map((row) => [row.migration_uuid, agedProgress(row, nowMs)]));
    },
  };
}

async function flush(database: Database, progress: readonly AgedProgress[]): Promise<void> {
  const newest = newestOfEach(progress);
  if (newest.length === 0) return;
  const nowMs = database.now().getTime();
  const rows = database.driver.jsonObjects(
    newest.map(({ snapshot, ageMs }) => ({
      migrationUuid: snapshot.migrationUuid,
      sequence: snapshot.sequence,
      observedAtMs: nowMs - ageMs,
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
function newestOfEach(progress: readonly AgedProgress[]): readonly AgedProgress[] {
  const newest = new Map<string, AgedProgress>();
  for (const aged of progress) {
    const { migrationUuid, sequence } = aged.snapshot;
    if (sequence > (newest.get(migrationUuid)?.snapshot.sequence ?? -1)) newest.set(migrationUuid, aged);
  }
  return [...newest.values()].sort((a, b) => (a.snapshot.migrationUuid < b.snapshot.migrationUuid ? -1 : 1));
}

function agedProgress(
  row: Pick<Selectable<Tables["migration_progress"]>, "observed_at" | "snapshot">,
  nowMs: number,
): AgedProgress {
  return {
    snapshot: fromJson<MigrationProgress>(row.snapshot),
    ageMs: Math.max(0, nowMs - Number(row.observed_at)),
  };
}
