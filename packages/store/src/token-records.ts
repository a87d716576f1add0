import { DroverError } from "@drover/model";
import type { Database } from "./database.ts";
import { tokenFromRow } from "./rows.ts";
import type { TokenStore } from "./store.ts";

export function tokenRecords(database: Database): TokenStore {
  return {
    create: async ({ projectId, networks, secretHash, createdBy, expiresAt, ...token }) => {
      const row = await database.query(`recording token ${token.id}`, (db) =>
        db
          .insertInto("tokens")
          .values({
            ...token,
            project_id: projectId,
            networks: JSON.stringify(networks),
            secret_hash: secretHash,
            created_by: createdBy,
            created_at: database.now().getTime(),
            expires_at: expiresAt?.getTime() ?? null,
            revoked_by: null,
            revoked_at: null,
          })
          .returningAll()
          .executeTakeFirstOrThrow(),
      );
      return tokenFromRow(row);
    },
    get: async (id) => {
      const row = await database.query(`reading token ${id}`, (db) =>
        db.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst(),
      );
      return row === undefined ? undefined : tokenFromRow(row);
    },
    list: async () => {
      const rows = await database.query("listing tokens", (db) =>
        db.selectFrom("tokens").selectAll().orderBy("created_at").orderBy("id").execute(),
      );
      return rows.map(tokenFromRow);
    },
    revoke: (id, revokedBy) =>
      database.transact(`revoking token ${id}`, async (transaction) => {
        const revoked_at = database.now().getTime();
        await transaction
          .updateTable("tokens")
          .set({ revoked_at, revoked_by: revokedBy })
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .execute();
        const row = await transaction.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst();
        if (row === undefined) {
          throw new DroverError("not-found", `there is no token ${id}: see the list of them`, {
            details: { token: id },
          });
        }
        return tokenFromRow(row);
      }),
  };
}
