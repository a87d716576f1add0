import type { Host } from "@drover/model";
import { type Kysely, sql } from "kysely";
import type { Database } from "./database.ts";
import { reportFacts, takeReport } from "./host-report.ts";
import { notePlacementChange } from "./placement-changes.ts";
import { removeHost } from "./remove-host.ts";
import { noteRestored } from "./restored-hosts.ts";
import { hostFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";
import type { HeardOf, HostSettings, HostStore, MissingUpTo } from "./store.ts";

export function hostRecords(database: Database): HostStore {
  return {
    report: (facts, agentVersion) => reportFacts(database, facts, agentVersion),
    takeReport: (report, missingUpTo) => takeReport(database, report, missingUpTo),
    heartbeat: (hosts, missingUpTo) => heartbeat(database, hosts, missingUpTo),
    list: async () => {
      const rows = await database.query("listing hosts", (db) => selectHosts(db).orderBy("id").execute());
      return rows.map(hostFromRow);
    },
    get: async (host) => {
      const row = await database.query(`reading host ${host}`, (db) =>
        selectHosts(db).where("hosts.host", "=", host).executeTakeFirst(),
      );
      return row === undefined ? undefined : hostFromRow(row);
    },
    getMany: async (hosts) => {
      if (hosts.length === 0) return [];
      const named = sql<boolean>`hosts.host in (select value from ${database.driver.jsonTexts(hosts)})`;
      const rows = await database.query(`reading ${hosts.length} hosts`, (db) =>
        selectHosts(db).where(named).orderBy("id").execute(),
      );
      return rows.map(hostFromRow);
    },
    set: (host, settings) => setHost(database, host, settings),
    remove: (host) => removeHost(database, host),
    noteRestored: async (host, upToMs) => {
      await database.query(`noting that records about host ${host} were restored`, (db) =>
        noteRestored(db, host, upToMs),
      );
    },
    restored: async () => {
      const rows = await database.query("reading whose records were restored", (db) =>
        db.selectFrom("hosts").select(["host", "restored_up_to"]).where("restored_up_to", ">", 0).execute(),
      );
      return new Map(rows.map((row) => [row.host, row.restored_up_to]));
    },
  };
}

/** With when each was last heard of. */
export function selectHosts(db: Kysely<Tables>) {
  return db
    .selectFrom("hosts")
    .innerJoin("host_beats", "host_beats.host", "hosts.host")
    .selectAll("hosts")
    .select("host_beats.last_seen_at");
}

async function setHost(database: Database, host: string, settings: HostSettings): Promise<Host | undefined> {
  const columns = {
    ...(settings.enabled === undefined ? {} : { enabled: settings.enabled ? 1 : 0 }),
    ...(settings.disabledReason === undefined ? {} : { disabled_reason: settings.disabledReason }),
    ...(settings.forcedDown === undefined ? {} : { forced_down: settings.forcedDown ? 1 : 0 }),
    ...(settings.maxOutgoingMigrations === undefined ? {} : { max_outgoing: settings.maxOutgoingMigrations }),
    ...(settings.maxIncomingMigrations === undefined ? {} : { max_incoming: settings.maxIncomingMigrations }),
    ...maintenanceColumns(settings.maintenanceReason, database.now().getTime()),
  };
  return await database.transact(`setting what is allowed on host ${host}`, async (transaction) => {
    if (Object.keys(columns).length > 0) {
      await transaction.updateTable("hosts").set(columns).where("host", "=", host).execute();
    }
    const row = await selectHosts(transaction).where("hosts.host", "=", host).executeTakeFirst();
    if (row === undefined) return undefined;
    await notePlacementChange(database, transaction, { host });
    return hostFromRow(row);
  });
}

function maintenanceColumns(reason: string | null | undefined, nowMs: number) {
  if (reason === undefined) return {};
  if (reason === null) return { maintenance_reason: null, maintenance_since: null };
  const since = sql<number>`case when maintenance_reason = ${reason} then maintenance_since else ${nowMs} end`;
  return { maintenance_reason: reason, maintenance_since: since };
}

async function heartbeat(
  database: Database,
  hosts: readonly string[],
  missingUpTo: MissingUpTo = () => 0,
): Promise<ReadonlyMap<string, HeardOf>> {
  if (hosts.length === 0) return new Map();
  const nowMs = database.now().getTime();
  return database.transact("recording signs of life", async (transaction) => {
    const named = sql<boolean>`host in (
      select hosts.host from hosts where hosts.host in (select value from ${database.driver.jsonTexts(hosts)}))`;
    const rows = await transaction.selectFrom("host_beats").selectAll().where(named).execute();
    const heard = rows.map((row): readonly [string, HeardOf] => {
      const beforeMs = row.last_seen_at;
      const missingUpToMs = missingUpTo(row.host, beforeMs);
      return [row.host, { beforeMs, nowMs: Math.max(beforeMs, nowMs), missingUpToMs }];
    });
    for (const [host, { missingUpToMs }] of heard) {
      if (missingUpToMs > 0) await noteRestored(transaction, host, missingUpToMs);
    }
    // Conductors' clocks differ: what an agent was told once must never be newer than what is here.
    await transaction
      .updateTable("host_beats")
      .set({ last_seen_at: nowMs })
      .where(named)
      .where("last_seen_at", "<", nowMs)
      .execute();
    return new Map(heard);
  });
}
