import { type ProgressPoint, pointFromText, pointText, TERMINAL } from "@drover/model";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import type { ProgressHistoryStore } from "./store.ts";

export function progressHistories(database: Database): ProgressHistoryStore {
  return {
    missing: async (endedSince, limit) => {
      const rows = await database.query("looking for migrations without an archived history", (db) =>
        db
          .selectFrom("migrations")
          .select(["uuid", "source_host"])
          .where("updated_at", ">=", endedSince.getTime())
          .where("state", "in", [...TERMINAL])
          .where("started_at", "is not", null)
          .where((e) =>
            e.not(
              e.exists(
                e
                  .selectFrom("progress_histories")
                  .select("progress_histories.migration_uuid")
                  .whereRef("progress_histories.migration_uuid", "=", "migrations.uuid"),
              ),
            ),
          )
          .orderBy("updated_at")
          .limit(limit)
          .execute(),
      );
      return rows.map(({ uuid, source_host }) => ({ migrationUuid: uuid, host: source_host }));
    },
    archive: async (histories) => {
      if (histories.size === 0) return;
      const rows = [...histories].map(([migrationUuid, points]) => ({ migrationUuid, points: textOf(points) }));
      const archivedAtMs = database.now().getTime();
      await database.query("archiving histories of progress", (db) =>
        sql`insert into progress_histories (migration_uuid, archived_at, points)
          select e.value ->> 'migrationUuid', cast(${archivedAtMs} as bigint), e.value ->> 'points'
          from ${database.driver.jsonObjects(rows)} as e
          where true
          on conflict (migration_uuid) do nothing`.execute(db),
      );
    },
    read: async (migrationUuid) => {
      const row = await database.query(`reading the history of migration ${migrationUuid}`, (db) =>
        db
          .selectFrom("progress_histories")
          .select("points")
          .where("migration_uuid", "=", migrationUuid)
          .executeTakeFirst(),
      );
      return row === undefined ? undefined : pointsOf(row.points);
    },
    prune: async (before, limit) => {
      const rows = await database.query("pruning histories of progress", (db) =>
        db
          .deleteFrom("progress_histories")
          .where("migration_uuid", "in", (old) =>
            old
              .selectFrom("progress_histories")
              .select("migration_uuid")
              .where("archived_at", "<", before.getTime())
              .orderBy("archived_at")
              .limit(limit),
          )
          .returning("migration_uuid")
          .execute(),
      );
      return rows.length;
    },
  };
}

/** A point a line: a quarter of what they would take with the names of their numbers. */
function textOf(points: readonly ProgressPoint[]): string {
  return points.map(pointText).join("\n");
}

function pointsOf(text: string): readonly ProgressPoint[] {
  return text.split("\n").flatMap((line) => pointFromText(line) ?? []);
}
