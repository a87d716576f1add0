import type { MigrationState } from "@drover/model";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import type { FleetFigures, StateFigures } from "./store.ts";

/**
 * Two statements, whatever the history: the partial index of migrations in progress covers the one, and the other reads
 * three columns of each host.
 */
export async function readFleetFigures(database: Database): Promise<FleetFigures> {
  return await database.query("counting migrations and hosts", async (db) => {
    const [states, hosts] = await Promise.all([
      db
        .selectFrom("migrations")
        .select((e) => [
          "state",
          e.fn.countAll<number | string>().as("count"),
          e.fn.min("created_at").as("created_at"),
          e.fn.min("updated_at").as("updated_at"),
        ])
        .where(isInProgress())
        .groupBy("state")
        .execute(),
      db
        .selectFrom("hosts")
        .innerJoin("host_beats", "host_beats.host", "hosts.host")
        .select(["hosts.host", "last_seen_at", "forced_down"])
        .orderBy("hosts.host")
        .execute(),
    ]);
    const migrations = states.map((row): [MigrationState, StateFigures] => [
      // Only states of the table are ever written.
      row.state as MigrationState,
      {
        // PostgreSQL counts in 64 bits, which its driver hands over as text.
        count: Number(row.count),
        oldestCreatedAt: new Date(Number(row.created_at)),
        oldestUpdatedAt: new Date(Number(row.updated_at)),
      },
    ]);
    return {
      migrations: new Map(migrations),
      hosts: hosts.map(({ host, last_seen_at, forced_down }) => ({
        host,
        lastSeenAt: new Date(Number(last_seen_at)),
        forcedDown: forced_down === 1,
      })),
    };
  });
}
