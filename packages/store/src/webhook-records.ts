import { noSuchWebhook, type Webhook } from "@drover/model";
import type { Database } from "./database.ts";
import { webhookFromRow } from "./rows.ts";
import type { NewWebhook, WebhookStore } from "./store.ts";

export function webhookRecords(database: Database): WebhookStore {
  return {
    list: async () => {
      const rows = await database.query("listing webhooks", (db) =>
        db.selectFrom("webhooks").selectAll().orderBy("created_at").orderBy("id").execute(),
      );
      return rows.map(webhookFromRow);
    },
    get: async (id) => {
      const row = await database.query(`reading webhook ${id}`, (db) =>
        db.selectFrom("webhooks").selectAll().where("id", "=", id).executeTakeFirst(),
      );
      return row === undefined ? undefined : webhookFromRow(row);
    },
    create: (webhook) => create(database, webhook),
    remove: async (id) => {
      const { numDeletedRows } = await database.query(`deleting webhook ${id}`, (db) =>
        db.deleteFrom("webhooks").where("id", "=", id).executeTakeFirstOrThrow(),
      );
      return numDeletedRows > 0n;
    },
    setEnabled: async (id, enabled, disabledReason) => {
      const row = await database.query(`switching webhook ${id}`, (db) =>
        db
          .updateTable("webhooks")
          .set({ enabled: Number(enabled), disabled_reason: disabledReason, failing_since: null, last_error: null })
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst(),
      );
      if (row === undefined) throw noSuchWebhook(id);
      return webhookFromRow(row);
    },
    advance: async (id, position, delivered) => {
      const at = database.now().getTime();
      const news = delivered ? { last_delivered_at: at, failing_since: null, last_error: null } : {};
      await database.query(`noting what webhook ${id} was told`, (db) =>
        db
          .updateTable("webhooks")
          .set({ position, ...news })
          .where("id", "=", id)
          .where("position", "<", position)
          .execute(),
      );
    },
    noteFailure: async (id, problem) => {
      const at = database.now().getTime();
      await database.query(`noting that webhook ${id} fails`, (db) =>
        db
          .updateTable("webhooks")
          .set((e) => ({ last_error: problem, failing_since: e.fn.coalesce("failing_since", e.val(at)) }))
          .where("id", "=", id)
          .execute(),
      );
    },
  };
}

async function create(
  database: Database,
  { id, url, secret, states, position, createdBy }: NewWebhook,
): Promise<Webhook> {
  const row = await database.query("recording a webhook", (db) =>
    db
      .insertInto("webhooks")
      .values({
        ...{ id, url, secret, position },
        states: JSON.stringify(states),
        enabled: 1,
        created_at: database.now().getTime(),
        created_by: createdBy,
      })
      .returningAll()
      .executeTakeFirstOrThrow(),
  );
  return webhookFromRow(row);
}
