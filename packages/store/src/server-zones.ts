import type { Database } from "./database.ts";
import type { ServerZoneStore } from "./store.ts";

export function serverZones(database: Database): ServerZoneStore {
  return {
    of: async (serverUuid) => {
      const row = await database.query(`reading the zone of server ${serverUuid}`, (db) =>
        db
          .selectFrom("server_zones")
          .select("availability_zone")
          .where("server_uuid", "=", serverUuid)
          .executeTakeFirst(),
      );
      return row?.availability_zone ?? null;
    },
    list: async () => {
      const rows = await database.query("listing the zones of servers", (db) =>
        db.selectFrom("server_zones").selectAll().execute(),
      );
      return new Map(rows.map((row) => [row.server_uuid, row.availability_zone]));
    },
    set: async (serverUuid, zone) => {
      await database.query(`setting the zone of server ${serverUuid}`, async (db) => {
        if (zone === null) {
          await db.deleteFrom("server_zones").where("server_uuid", "=", serverUuid).execute();
          return;
        }
        await db
          .insertInto("server_zones")
          .values({ server_uuid: serverUuid, availability_zone: zone })
          .onConflict((conflict) => conflict.column("server_uuid").doUpdateSet({ availability_zone: zone }))
          .execute();
      });
    },
  };
}
