import { DroverError, HOLDS_DESTINATION_CLAIM } from "@drover/model";
import { sql, type Transaction } from "kysely";
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
        db.selectFrom("destination_claims").selectAll().orderBy("migration_uuid").execute(),
      );
      return rows.map((row) => ({ migrationUuid: row.migration_uuid, host: row.host, memoryKiB: row.memory_kib }));
    },
  };
}

async function claimDestination(
  database: Database,
  claim: DestinationClaim,
  limits: { readonly memoryKiB: number; readonly maxIncoming: number },
): Promise<void> {
  const { migrationUuid, host, memoryKiB } = claim;
  await database.transact(`claiming ${host} for migration ${migrationUuid}`, async (transaction) => {
    await database.driver.lock(transaction, `destination-claims ${host}`);
    await requireHolder(database, transaction, migrationUuid);
    const claims = await transaction
      .selectFrom("destination_claims")
      .select(["migration_uuid", "memory_kib"])
      .where("host", "=", host)
      .execute();
    if (claims.some((other) => other.migration_uuid === migrationUuid)) return;
    const claimedKiB = claims.reduce((sum, other) => sum + other.memory_kib, 0);
    if (claims.length >= limits.maxIncoming) throw tooManyIncoming(claim, claims.length, limits.maxIncoming);
    if (claimedKiB + memoryKiB > limits.memoryKiB) throw tooLittleMemory(claim, claimedKiB, limits.memoryKiB);
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

function tooManyIncoming(claim: DestinationClaim, claims: number, maxIncoming: number): DroverError {
  return new DroverError(
    "refused",
    `${claim.host} already takes in ${claims} migrations of ${maxIncoming} allowed; wait for one to end`,
    { details: { host: claim.host, limit: "maxIncoming", claims, maxIncoming } },
  );
}

function tooLittleMemory(claim: DestinationClaim, claimedKiB: number, limitKiB: number): DroverError {
  const leftKiB = limitKiB - claimedKiB;
  return new DroverError(
    "refused",
    `${claim.host} has ${leftKiB} KiB of memory left for incoming guests, ${claim.memoryKiB} KiB are needed`,
    { details: { host: claim.host, limit: "memoryKiB", leftKiB, neededKiB: claim.memoryKiB, claimedKiB } },
  );
}
