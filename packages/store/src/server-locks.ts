import type { Database } from "./database.ts";
import { lockFromRow } from "./rows.ts";
import type { ServerLockStore } from "./store.ts";

export function serverLocks(database: Database): ServerLockStore {
  return {
    of: async (serverUuid) => {
      const row = await database.query(`reading the lock of server ${serverUuid}`, (db) =>
        db.selectFrom("server_locks").selectAll().where("server_uuid", "=", serverUuid).executeTakeFirst(),
      );
      return row === undefined ? null : lockFromRow(row);
    },
    list: async () => {
      const rows = await database.query("listing the locks of servers", (db) =>
        db.selectFrom("server_locks").selectAll().execute(),
      );
      return new Map(rows.map((row) => [row.server_uuid, lockFromRow(row)]));
    },
    set: async (serverUuid, lock) => {
      await database.query(`setting the lock of server ${serverUuid}`, async (db) => {
        if (lock === null) {
          await db.deleteFrom("server_locks").where("server_uuid", "=", serverUuid).execute();
          return;
        }
        const columns = {
          reason: lock.reason,
          locked_by: lock.lockedBy,
          by_admin: lock.byAdmin ? 1 : 0,
          locked_at: database.now().getTime(),
        };
        await db
          .insertInto("server_locks")
          .values({ server_uuid: serverUuid, ...columns })
          .onConflict((conflict) => conflict.column("server_uuid").doUpdateSet(columns))
          .execute();
      });
    },
  };
}
