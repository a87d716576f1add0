import { DroverError } from "@drover/model";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import { requireMigration } from "./migration-records.ts";
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
    await requireMigration(transaction, migrationUuid);
    await database.driver.lock(transaction, `destination-claims ${host}`);
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
