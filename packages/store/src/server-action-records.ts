import type { Database } from "./database.ts";
import { serverActionFromRow } from "./rows.ts";
import type { ServerActionStore } from "./store.ts";

export function serverActionRecords(database: Database): ServerActionStore {
  return {
    begin: async ({ serverUuid, action, requestId, userId, projectId, host }) => {
      const { id } = await database.query(`recording the action ${action} of server ${serverUuid}`, (db) =>
        db
          .insertInto("server_actions")
          .values({
            server_uuid: serverUuid,
            action,
            request_id: requestId,
            user_id: userId,
            project_id: projectId,
            host,
            started_at: database.now().getTime(),
          })
          .returning("id")
          .executeTakeFirstOrThrow(),
      );
      return id;
    },
    finish: async (id, error) => {
      await database.query(`recording the end of action ${id}`, (db) =>
        db
          .updateTable("server_actions")
          .set({ finished_at: database.now().getTime(), error })
          .where("id", "=", id)
          .where("finished_at", "is", null)
          .execute(),
      );
    },
    list: async (serverUuid, limit) => {
      const rows = await database.query(`listing the actions of server ${serverUuid}`, (db) =>
        db
          .selectFrom("server_actions")
          .selectAll()
          .where("server_uuid", "=", serverUuid)
          .orderBy("id", "desc")
          .limit(limit)
          .execute(),
      );
      return rows.map(serverActionFromRow);
    },
    prune: async (before, limit) => {
      const rows = await database.query("pruning the actions of servers", (db) =>
        db
          .deleteFrom("server_actions")
          .where("id", "in", (old) =>
            old
              .selectFrom("server_actions")
              .select("id")
              .where("started_at", "<", before.getTime())
              .orderBy("started_at")
              .limit(limit),
          )
          .returning("id")
          .execute(),
      );
      return rows.length;
    },
  };
}
