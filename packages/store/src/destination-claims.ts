import { DroverError, HOLDS_DESTINATION_CLAIM, INACTIVE_STATES } from "@drover/model";
import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction } from "kysely";
import { type ClaimLimits, claimRefusal, type ServersApart } from "./claim-refusal.ts";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { requireVersion, unknownMigration } from "./migration-records.ts";
import type { ClaimStore, DestinationClaim, ExpectedVersion, ListedClaim } from "./migration-store.ts";
import { notePlacementChange } from "./placement-changes.ts";
import { comesBefore } from "./queue-order.ts";
import { fromJson, migrationFromRow } from "./rows.ts";
import type { MigrationRow, Tables } from "./schema/tables.ts";
import { freeSlots } from "./source-slots.ts";

export function destinationClaims(database: Database): ClaimStore {
  return {
    claim: (claim, limits) => claimDestination(database, claim, limits),
    release: (migrationUuid, holder) => releaseClaim(database, migrationUuid, holder),
    list: () => database.query("listing claims on destinations", (db) => listClaims(db, sql<boolean>`1 = 1`)),
  };
}

async function releaseClaim(database: Database, migrationUuid: string, holder?: ExpectedVersion): Promise<void> {
  const doing = `releasing what migration ${migrationUuid} holds`;
  const held = await database.query(doing, (db) =>
    db.selectFrom("destination_claims").select("host").where("migration_uuid", "=", migrationUuid).executeTakeFirst(),
  );
  if (held === undefined) return;
  await database.transact(doing, async (transaction) => {
    if (holder !== undefined) {
      const record = transaction.selectFrom("migrations").selectAll().where("uuid", "=", migrationUuid);
      await database.driver.keepFromWriters(record).execute();
      await requireVersion(transaction, migrationUuid, holder);
    }
    const released = await transaction
      .deleteFrom("destination_claims")
      .where("migration_uuid", "=", migrationUuid)
      .returning("host")
      .execute();
    for (const { host } of released) await notePlacementChange(database, transaction, { host });
  });
}

/** @param condition On the claim's columns. */
export async function listClaims(db: Kysely<Tables>, condition: RawBuilder<boolean>): Promise<readonly ListedClaim[]> {
  const rows = await db
    .selectFrom("destination_claims")
    .innerJoin("migrations", "migrations.uuid", "destination_claims.migration_uuid")
    .selectAll("destination_claims")
    .select("migrations.server_uuid")
    .where(condition)
    .orderBy("migration_uuid")
    .execute();
  return rows.map((row) => ({ ...claimFromRow(row), serverUuid: row.server_uuid }));
}

function claimFromRow(row: Selectable<Tables["destination_claims"]>): DestinationClaim {
  return { migrationUuid: row.migration_uuid, host: row.host, memoryKiB: row.memory_kib };
}

async function claimDestination(database: Database, claim: DestinationClaim, limits: ClaimLimits): Promise<void> {
  const { migrationUuid, host, memoryKiB } = claim;
  await database.transact(`claiming ${host} for migration ${migrationUuid}`, async (transaction) => {
    await database.driver.lock(transaction, `destination-claims ${host}`);
    const migration = await requireHolder(database, transaction, migrationUuid);
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
    const former = await transaction
      .selectFrom("destination_claims")
      .select("host")
      .where("migration_uuid", "=", migrationUuid)
      .executeTakeFirst();
    const nowMs = database.now().getTime();
    const before = await waitingBefore(transaction, migration, nowMs, host, limits.maxOutgoing);
    if (before.length >= maxIncoming - claims.length) throw notItsTurn(claim, before);
    if (limits.apart !== undefined) await requireApart(database, transaction, host, limits.apart);
    await transaction
      .insertInto("destination_claims")
      .values({
        migration_uuid: migrationUuid,
        host,
        memory_kib: memoryKiB,
        claimed_at: nowMs,
      })
      .onConflict((conflict) =>
        conflict.column("migration_uuid").doUpdateSet({
          host: sql`excluded.host`,
          memory_kib: sql`excluded.memory_kib`,
          claimed_at: sql`excluded.claimed_at`,
        }),
      )
      .execute();
    // In one order, whoever changes two.
    const changed = new Set(former === undefined ? [host] : [host, former.host].sort());
    for (const name of changed) await notePlacementChange(database, transaction, { host: name });
  });
}

interface WaitingRow {
  readonly id: number;
  readonly uuid: string;
}

/**
 * Those that wait for an incoming slot of `host`, are before the migration in the queue, and could take one now: somebody
 * works on them, and they have their source's slot or it has one free. One that does not need the host any more finds that
 * out when it is told that it is its turn, and then keeps nothing from anybody.
 */
async function waitingBefore(
  transaction: Transaction<Tables>,
  migration: MigrationRow,
  nowMs: number,
  host: string,
  maxOutgoing = Number.POSITIVE_INFINITY,
): Promise<readonly WaitingRow[]> {
  const rows = await transaction
    .selectFrom("migrations")
    .select(["id", "uuid", "state", "source_host", "waits_for_hosts"])
    .where(isInProgress())
    .where("state", "in", ["queued", "preparing"])
    .where("waits_for_hosts", "like", `%${JSON.stringify(host)}%`)
    .where("lease_expires_at", ">", nowMs)
    .where("uuid", "not in", (e) => e.selectFrom("destination_claims").select("migration_uuid"))
    .where(comesBefore(migration))
    .orderBy("priority", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  if (rows.length === 0) return [];
  const takeAt = await freeSlots(transaction, maxOutgoing);
  return rows.filter(
    (row) =>
      row.waits_for_hosts !== null &&
      // An underscore in a name stands for any character above.
      fromJson<readonly string[]>(row.waits_for_hosts).includes(host) &&
      (row.state === "preparing" || takeAt(row.source_host)),
  );
}

function notItsTurn({ host }: DestinationClaim, before: readonly WaitingRow[]): DroverError {
  const ids = before.map(({ id }) => id).join(", ");
  return new DroverError(
    "refused",
    `what ${host} can take in now is for others before it in the queue: migration ${ids}`,
    {
      details: { host, limit: "maxIncoming", next: before[0]?.uuid ?? null },
    },
  );
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
async function requireHolder(
  database: Database,
  transaction: Transaction<Tables>,
  uuid: string,
): Promise<MigrationRow> {
  const query = transaction.selectFrom("migrations").selectAll().where("uuid", "=", uuid);
  const row = await database.driver.keepFromWriters(query).executeTakeFirst();
  if (row === undefined) throw unknownMigration(uuid);
  const { state } = migrationFromRow(row);
  if (HOLDS_DESTINATION_CLAIM.has(state)) return row;
  throw new DroverError("conflict", `migration ${uuid} is ${state} and may hold no claim on a destination`, {
    details: { migrationUuid: uuid, state },
  });
}
