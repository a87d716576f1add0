import type { ObservedGuest } from "@drover/model";
import { type QueryCreator, type RawBuilder, sql, type Transaction } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { notePlacementChange } from "./placement-changes.ts";
import { sightingFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";
import type { GuestStore, ServerName } from "./store.ts";

export function guestSightings(database: Database): GuestStore {
  const byteOrder = sql.raw(database.driver.schemaWords.byteOrder);
  return {
    replaceSightings: (host, guests) => replaceSightings(database, host, guests),
    byServer: async (serverUuid) => {
      const rows = await database.query(`reading where server ${serverUuid} is`, (db) =>
        db.selectFrom("guests").selectAll().where("uuid", "=", serverUuid).orderBy("host").execute(),
      );
      return rows.map(sightingFromRow);
    },
    byHost: async (host) => {
      const rows = await database.query(`reading the guests of host ${host}`, (db) =>
        db.selectFrom("guests").selectAll().where("host", "=", host).orderBy("uuid").execute(),
      );
      return rows.map(sightingFromRow);
    },
    byName: async (name) => {
      const named = sql<boolean>`name ${byteOrder} = ${name}`;
      const rows = await database.query(`reading which guests are named ${name}`, (db) =>
        db.selectFrom("guests").selectAll().where(named).orderBy("uuid").orderBy("host").execute(),
      );
      return rows.map(sightingFromRow);
    },
    namesAfter: (after, limit) => namesAfter(database, after, limit),
    list: async () => {
      const rows = await database.query("listing guests", (db) =>
        db.selectFrom("guests").selectAll().orderBy("uuid").orderBy("host").execute(),
      );
      return rows.map(sightingFromRow);
    },
    byServers: async (serverUuids) => {
      if (serverUuids.length === 0) return [];
      const named = sql<boolean>`uuid in (select value from ${database.driver.jsonTexts(serverUuids)})`;
      const rows = await database.query("reading where servers are", (db) =>
        db.selectFrom("guests").selectAll().where(named).orderBy("uuid").orderBy("host").execute(),
      );
      return rows.map(sightingFromRow);
    },
  };
}

/** Each of the two is read along an index no further than it is needed; their order is that of bytes, as the index has it. */
async function namesAfter(
  database: Database,
  after: ServerName | undefined,
  limit: number,
): Promise<readonly ServerName[]> {
  const byteOrder = sql.raw(database.driver.schemaWords.byteOrder);
  const page = (table: string, name: string, uuid: string, where: RawBuilder<unknown>) => {
    const [ofName, ofUuid] = [sql`${sql.ref(name)} ${byteOrder}`, sql`${sql.ref(uuid)} ${byteOrder}`];
    const beyond = after === undefined ? sql`true` : sql`(${ofName}, ${ofUuid}) > (${after.name}, ${after.uuid})`;
    return sql`select * from (
      select distinct ${ofName} as name, ${ofUuid} as uuid from ${sql.table(table)} where ${where} and ${beyond}
      order by name, uuid limit ${limit}) as ${sql.table(`${table}_page`)}`;
  };
  const { rows } = await database.query("listing names of servers", (db) =>
    sql<ServerName>`
      ${page("guests", "name", "uuid", sql`true`)}
      union ${page("migrations", "server_name", "server_uuid", isInProgress())}
      order by name, uuid limit ${limit}`.execute(db),
  );
  return rows;
}

async function replaceSightings(database: Database, host: string, guests: readonly ObservedGuest[]): Promise<void> {
  await database.transact(`recording the guests of host ${host}`, async (transaction) => {
    await lockSightings(database, transaction, host);
    await goneGuests(database, transaction, host, guests).execute();
    await seenGuests(database, host, guests).execute(transaction);
    await notePlacementChange(database, transaction, { host });
  });
}

/** Two reports of one host, handled at once, must not be mixed. */
export async function lockSightings(database: Database, transaction: Transaction<Tables>, host: string): Promise<void> {
  await database.driver.lock(transaction, `guests ${host}`);
}

/** Forgets those that the host does not report any more. */
export function goneGuests(
  { driver }: Database,
  db: QueryCreator<Tables>,
  host: string,
  guests: readonly ObservedGuest[],
) {
  const uuids = guests.map(({ uuid }) => uuid);
  const isGone = sql<boolean>`uuid not in (select value from ${driver.jsonTexts(uuids)})`;
  return db.deleteFrom("guests").where("host", "=", host).where(isGone);
}

/** Writes those that it reports. One parameter whatever their number: no driver's limit on parameters is near. */
export function seenGuests(
  database: Database,
  host: string,
  guests: readonly ObservedGuest[],
): RawBuilder<Record<string, never>> {
  const rows = database.driver.jsonObjects(guests.map(rowOfGuest));
  // The condition keeps SQLite from taking the conflict's clause for a join's.
  return sql`insert into guests
      (uuid, host, name, power_state, persistent, vcpus, memory_kib, migrating, seen_at, metadata)
      select e.value ->> 'uuid', cast(${host} as text), e.value ->> 'name', e.value ->> 'powerState',
        cast(e.value ->> 'persistent' as integer), cast(e.value ->> 'vcpus' as integer),
        cast(e.value ->> 'memoryKiB' as bigint), cast(e.value ->> 'migrating' as integer),
        cast(${database.now().getTime()} as bigint), e.value ->> 'metadata'
      from ${rows} as e where true
      on conflict (uuid, host) do update set
        name = excluded.name, power_state = excluded.power_state, persistent = excluded.persistent, vcpus = excluded.vcpus,
        memory_kib = excluded.memory_kib, migrating = excluded.migrating, seen_at = excluded.seen_at, metadata = excluded.metadata`;
}

function rowOfGuest(guest: ObservedGuest): object {
  return {
    ...guest,
    persistent: guest.persistent ? 1 : 0,
    migrating: guest.migrating ? 1 : 0,
    metadata: JSON.stringify(guest.metadata ?? {}),
  };
}
