import type { Migration } from "@drover/model";
import { type Kysely, sql } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { migrationFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";

// A lease says who works on a migration; it is not what keeps two workers from writing (that is the generation). So a
// conductor whose clock is wrong costs work done twice, never a wrong record. Whoever takes a lease over that was not
// given back raises the generation: what the one before still writes is a conflict, and what it still sends is older
// than what the agents hear from the new one.

export async function acquireLeases(
  database: Database,
  owner: string,
  leaseMs: number,
  limit: number,
): Promise<readonly Migration[]> {
  // Every conductor looks every few seconds, and there is hardly ever any: that takes one statement.
  const isAnyFree = await database.query("looking for migrations without a lease", (db) =>
    freeOfLease(db, database.now().getTime()).limit(1).executeTakeFirst(),
  );
  if (isAnyFree === undefined) return [];
  const rows = await database.transact("taking leases of migrations", async (transaction) => {
    const nowMs = database.now().getTime();
    const free = freeOfLease(transaction, nowMs)
      // What is under way cannot wait; of what waits, the first in the queue.
      .orderBy(sql`case when state = 'queued' then 1 else 0 end`)
      .orderBy("priority", "desc")
      .orderBy("created_at")
      .orderBy("id")
      .limit(limit);
    const ids = await database.driver.skipLocked(free).execute();
    if (ids.length === 0) return [];
    return transaction
      .updateTable("migrations")
      .set({ lease_owner: owner, lease_expires_at: nowMs + leaseMs })
      .set((e) => ({
        generation: e("generation", "+", e.case().when("lease_owner", "is", null).then(0).else(1).end()),
      }))
      .where(
        "id",
        "in",
        ids.map((row) => row.id),
      )
      .returningAll()
      .execute();
  });
  return rows.map(migrationFromRow).sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.id - b.id);
}

function freeOfLease(db: Kysely<Tables>, nowMs: number) {
  return db
    .selectFrom("migrations")
    .select("id")
    .where(isInProgress())
    .where((e) => e.or([e("lease_owner", "is", null), e("lease_expires_at", "<=", nowMs)]));
}

export async function renewLeases(
  database: Database,
  owner: string,
  uuids: readonly string[],
  leaseMs: number,
): Promise<readonly string[]> {
  if (uuids.length === 0) return [];
  const expiresAt = database.now().getTime() + leaseMs;
  const rows = await database.query("renewing leases of migrations", (db) =>
    db
      .updateTable("migrations")
      .set({ lease_expires_at: expiresAt })
      .where("lease_owner", "=", owner)
      .where(sql<boolean>`uuid in (select value from ${database.driver.jsonTexts(uuids)})`)
      .returning("uuid")
      .execute(),
  );
  return rows.map((row) => row.uuid);
}

export async function releaseLease(database: Database, owner: string, uuid: string): Promise<void> {
  await database.query(`releasing the lease of migration ${uuid}`, (db) =>
    db
      .updateTable("migrations")
      .set({ lease_owner: null, lease_expires_at: null })
      .where("uuid", "=", uuid)
      .where("lease_owner", "=", owner)
      .execute(),
  );
}
