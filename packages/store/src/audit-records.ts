import type { Database } from "./database.ts";
import { auditFromRow } from "./rows.ts";
import type { AuditStore, NewAuditEntry } from "./store.ts";

const PAGE_ROWS = 1_000;

export function auditRecords(database: Database): AuditStore {
  return {
    add: async (entry) => {
      const { id } = await database.query(`recording ${entry.action} in the audit`, (db) =>
        db
          .insertInto("audit")
          .values({ at: database.now().getTime(), ...columnsOf(entry) })
          .returning("id")
          .executeTakeFirstOrThrow(),
      );
      return id;
    },
    addOnce: async (entry, { entryId, at }) => {
      await database.query(`recording ${entry.action} in the audit`, (db) =>
        db
          .insertInto("audit")
          .values({ at: at.getTime(), entry_id: entryId, ...columnsOf(entry) })
          .onConflict((conflict) => conflict.column("entry_id").doNothing())
          .execute(),
      );
    },
    settle: async (id, outcome, message) => {
      await database.query(`recording the outcome of entry ${id} in the audit`, (db) =>
        db.updateTable("audit").set({ outcome, message }).where("id", "=", id).where("outcome", "is", null).execute(),
      );
    },
    list: async (filter) => {
      const rows = await database.query("listing the audit", (db) => {
        let query = db
          .selectFrom("audit")
          .selectAll()
          .orderBy("id", "desc")
          .limit(filter.limit ?? PAGE_ROWS);
        if (filter.userId !== undefined) query = query.where("user_id", "=", filter.userId);
        if (filter.tokenId !== undefined) query = query.where("token_id", "=", filter.tokenId);
        if (filter.action !== undefined) query = query.where("action", "=", filter.action);
        if (filter.resource !== undefined) query = query.where("resource", "=", filter.resource);
        if (filter.outcome !== undefined) query = query.where("outcome", "=", filter.outcome);
        if (filter.requestId !== undefined) query = query.where("request_id", "=", filter.requestId);
        if (filter.since !== undefined) query = query.where("at", ">=", filter.since.getTime());
        if (filter.before !== undefined) query = query.where("at", "<", filter.before.getTime());
        if (filter.marker !== undefined) query = query.where("id", "<", filter.marker);
        return query.execute();
      });
      return rows.map(auditFromRow);
    },
    prune: async (before, limit) => {
      const rows = await database.query("pruning the audit", (db) =>
        db
          .deleteFrom("audit")
          .where("id", "in", (old) =>
            old.selectFrom("audit").select("id").where("at", "<", before.getTime()).orderBy("at").limit(limit),
          )
          .returning("id")
          .execute(),
      );
      return rows.length;
    },
  };
}

function columnsOf(entry: NewAuditEntry) {
  return {
    user_id: entry.userId,
    project_id: entry.projectId,
    role: entry.role,
    token_id: entry.tokenId,
    remote_address: entry.remoteAddress,
    sender: entry.sender,
    action: entry.action,
    resource: entry.resource,
    request: entry.request,
    outcome: entry.outcome,
    message: entry.message,
    http_status: entry.httpStatus,
    request_id: entry.requestId,
    times: entry.times,
  };
}
