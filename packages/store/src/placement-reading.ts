import { INACTIVE_STATES } from "@drover/model";
import { type Kysely, sql } from "kysely";
import { listAggregates } from "./aggregate-records.ts";
import type { Database } from "./database.ts";
import { listClaims } from "./destination-claims.ts";
import { selectHosts } from "./host-records.ts";
import type {
  HostUsage,
  PlacementAbout,
  PlacementHost,
  PlacementQuestion,
  PlacementReading,
  PlacementStore,
  PlacementTimes,
} from "./placement-store.ts";
import { hostFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";

const NO_USAGE: HostUsage = { memoryKiB: 0, vcpus: 0 };

/** libvirt has a guest that is on its way here active, and paused, while its claim stands for its memory. */
const hasNoClaim = sql<boolean>`(guests.host, guests.uuid) not in (
  select claims.host, migrations.server_uuid from destination_claims as claims
    join migrations on migrations.uuid = claims.migration_uuid)`;

export function placementReading(database: Database): PlacementStore {
  return {
    read: (question) => database.query("reading where guests could go", (db) => readPlacement(database, db, question)),
  };
}

async function readPlacement(
  database: Database,
  db: Kysely<Tables>,
  { since, about: times }: PlacementQuestion,
): Promise<PlacementReading> {
  const [changed, about] = await Promise.all([
    readChanges(database, db, since ?? 0),
    times === undefined ? undefined : readAbout(db, times),
  ]);
  const { cursor } = changed;
  // A cursor from beyond the newest change is that of another database, of which this one is an older copy.
  const whole = since === undefined || since > cursor;
  const names = whole ? undefined : changed.hosts;
  // What is read after the changes is as new as they are, or newer.
  const [hosts, aggregates] = await Promise.all([
    readHosts(database, db, names),
    whole || changed.aggregates ? listAggregates(db) : undefined,
  ]);
  const found = new Set(hosts.map(({ host }) => host.facts.host));
  const gone = (names ?? []).filter((name) => !found.has(name));
  return { cursor, whole, hosts, gone, aggregates, about };
}

interface Changes {
  readonly cursor: number;
  readonly hosts: readonly string[];
  readonly aggregates: boolean;
}

/** One statement, so that the cursor and the changes are of the same moment. */
async function readChanges({ driver }: Database, db: Kysely<Tables>, since: number): Promise<Changes> {
  const { rows } = await sql<{ cursor: number; kind: string | null; name: string | null }>`
    select now.cursor, changed.kind, changed.name from (select ${driver.nextRevision} as cursor) as now
      left join placement_changes as changed
        on changed.revision >= ${since} and changed.revision < ${driver.revisionsEnd}`.execute(db);
  return {
    cursor: Number(rows[0]?.cursor ?? 0),
    hosts: rows.flatMap(({ kind, name }) => (kind === "host" && name !== null ? [name] : [])),
    aggregates: rows.some(({ kind }) => kind === "aggregates"),
  };
}

/** @param names All hosts where undefined. */
async function readHosts(
  { driver }: Database,
  db: Kysely<Tables>,
  names: readonly string[] | undefined,
): Promise<readonly PlacementHost[]> {
  if (names?.length === 0) return [];
  const named = (column: string) =>
    names === undefined
      ? sql<boolean>`1 = 1`
      : sql<boolean>`${sql.ref(column)} in (select value from ${driver.jsonTexts(names)})`;
  const [hosts, usage, claims] = await Promise.all([
    selectHosts(db).where(named("hosts.host")).orderBy("hosts.host").execute(),
    db
      .selectFrom("guests")
      .select((e) => [
        "host",
        e.fn.sum("memory_kib").filterWhere(hasNoClaim).as("memory_kib"),
        e.fn.sum("vcpus").as("vcpus"),
      ])
      .where(named("guests.host"))
      .where("power_state", "not in", [...INACTIVE_STATES])
      .groupBy("host")
      .execute(),
    listClaims(db, named("destination_claims.host")),
  ]);
  const usageOf = new Map(
    usage.map((row) => [row.host, { memoryKiB: Number(row.memory_kib), vcpus: Number(row.vcpus) }] as const),
  );
  const claimsOf = Map.groupBy(claims, (claim) => claim.host);
  return hosts.map((row) => ({
    host: hostFromRow(row),
    usage: usageOf.get(row.host) ?? NO_USAGE,
    claims: claimsOf.get(row.host) ?? [],
  }));
}

async function readAbout(db: Kysely<Tables>, { silentBefore, failedSince }: PlacementTimes): Promise<PlacementAbout> {
  const [silent, failures] = await Promise.all([
    readSilent(db, silentBefore.getTime()),
    readFailures(db, failedSince.getTime()),
  ]);
  return { silent, failures };
}

async function readSilent(db: Kysely<Tables>, beforeMs: number): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.selectFrom("host_beats").selectAll().where("last_seen_at", "<", beforeMs).execute();
  return new Map(rows.map((row) => [row.host, new Date(row.last_seen_at)]));
}

async function readFailures(db: Kysely<Tables>, sinceMs: number): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom("migrations")
    .select((e) => ["destination_host", e.fn.countAll<number | string>().as("count")])
    .where("state", "=", "failed")
    .where("updated_at", ">=", sinceMs)
    .where("destination_host", "is not", null)
    .groupBy("destination_host")
    .execute();
  return new Map(
    rows.flatMap((row) => (row.destination_host === null ? [] : [[row.destination_host, Number(row.count)]])),
  );
}
