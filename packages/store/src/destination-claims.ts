import { DroverError, HOLDS_DESTINATION_CLAIM, INACTIVE_STATES } from "@drover/model";
import { type Selectable, sql, type Transaction } from "kysely";
import { type ClaimLimits, claimRefusal, type ServersApart } from "./claim-refusal.ts";
import type { Database } from "./database.ts";
import { unknownMigration } from "./migration-records.ts";
import { migrationFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";
import type { ClaimStore, DestinationClaim } from "./store.ts";

export function destinationClaims(database: Database): ClaimStore {
  return {
    claim: (claim, limits) => claimDestination(database, claim, limits),
    release: async (migrationUuid) => {
      await database.query(`releasing what migration ${migrationUuid} holds`, (db) =>
        db.deleteFrom("destination_claims").where("migration_uuid", "=", migrationUuid).execute(),
      );
    },
    list: async () => {
      const rows = await database.query("listing claims on destinations", (db) =>
        db
          .selectFrom("destination_claims")
          .innerJoin("migrations", "migrations.uuid", "destination_claims.migration_uuid")
          .selectAll("destination_claims")
          .select("migrations.server_uuid")
          .orderBy("migration_uuid")
          .execute(),
      );
      return rows.map((row) => ({ ...claimFromRow(row), serverUuid: row.server_uuid }));
    },
  };
}

function claimFromRow(row: Selectable<Tables["destination_claims"]>): DestinationClaim {
  return { migrationUuid: row.migration_uuid, host: row.host, memoryKiB: row.memory_kib };
}

async function claimDestination(database: Database, claim: DestinationClaim, limits: ClaimLimits): Promise<void> {
  const { migrationUuid, host, memoryKiB } = claim;
  await database.transact(`claiming ${host} for migration ${migrationUuid}`, async (transaction) => {
    await database.driver.lock(transaction, `destination-claims ${host}`);
    await requireHolder(database, transaction, migrationUuid);
    const rows = await transaction.selectFrom("destination_claims").selectAll().where("host", "=", host).execute();
    const claims = rows.map(claimFromRow);
    if (claims.some((other) => other.migrationUuid === migrationUuid)) return;
    const own = await transaction
      .selectFrom("hosts")
      .select("max_incoming")
      .where("host", "=", host)
      .executeTakeFirst();
    const maxIncoming = own?.max_incoming ?? limits.maxIncoming;
    const refusal = claimRefusal(claim, claims, { ...limits, maxIncoming });
    if (refusal !== undefined) throw refusal;
    if (limits.apart !== undefined) await requireApart(database, transaction, host, limits.apart);
    await transaction
      .insertInto("destination_claims")
      .values({
        migration_uuid: migrationUuid,
        host,
        memory_kib: memoryKiB,
        claimed_at: database.now().getTime(),
      })
      .onConflict((conflict) =>
        conflict.column("migration_uuid").doUpdateSet({
          host: sql`excluded.host`,
          memory_kib: sql`excluded.memory_kib`,
          claimed_at: sql`excluded.claimed_at`,
        }),
      )
      .execute();
  });
}

/** Two of a group that choose one host at the same time are told apart here, under the host's lock. */
async function requireApart(
  database: Database,
  transaction: Transaction<Tables>,
  host: string,
  { group, servers, maxPerHost }: ServersApart,
): Promise<void> {
  if (servers.length === 0) return;
  const named = sql`(select value from ${database.driver.jsonTexts(servers)})`;
  const { rows } = await sql<{ uuid: string }>`
    select uuid from guests where host = ${host} and uuid in ${named}
      and power_state not in (${sql.join([...INACTIVE_STATES])})
    union
    select m.server_uuid as uuid from destination_claims c join migrations m on m.uuid = c.migration_uuid
      where c.host = ${host} and m.server_uuid in ${named}`.execute(transaction);
  if (rows.length < maxPerHost) return;
  throw new DroverError(
    "refused",
    `${host} has or takes in ${rows.length} of the group ${group}, which may have ${maxPerHost} on one host`,
    { details: { host, limit: "group", group, servers: rows.length, maxPerHost } },
  );
}

/**
 * A claim of a migration that is over would never be given back. The row stays locked until the claim is written: whoever
 * ends the migration meanwhile comes after it, and releases it.
 */
async function requireHolder(database: Database, transaction: Transaction<Tables>, uuid: string): Promise<void> {
  const query = transaction.selectFrom("migrations").selectAll().where("uuid", "=", uuid);
  const row = await database.driver.keepFromWriters(query).executeTakeFirst();
  if (row === undefined) throw unknownMigration(uuid);
  const { state } = migrationFromRow(row);
  if (HOLDS_DESTINATION_CLAIM.has(state)) return;
  throw new DroverError("conflict", `migration ${uuid} is ${state} and may hold no claim on a destination`, {
    details: { migrationUuid: uuid, state },
  });
}
