import { randomUUID } from "node:crypto";
import type { Host, HostFacts } from "@drover/model";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import { hostFromRow } from "./rows.ts";
import type { HostStore } from "./store.ts";

export function hostRecords(database: Database): HostStore {
  return {
    report: (facts, agentVersion) => reportHost(database, facts, agentVersion),
    heartbeat: (hosts) => heartbeat(database, hosts),
    list: async () => {
      const rows = await database.query("listing hosts", (db) =>
        db.selectFrom("hosts").selectAll().orderBy("id").execute(),
      );
      return rows.map(hostFromRow);
    },
    get: async (host) => {
      const row = await database.query(`reading host ${host}`, (db) =>
        db.selectFrom("hosts").selectAll().where("host", "=", host).executeTakeFirst(),
      );
      return row === undefined ? undefined : hostFromRow(row);
    },
  };
}

async function reportHost(database: Database, facts: HostFacts, agentVersion: string): Promise<Host> {
  const nowMs = database.now().getTime();
  const row = await database.query(`recording the facts of host ${facts.host}`, (db) =>
    db
      .insertInto("hosts")
      .values({
        uuid: randomUUID(),
        host: facts.host,
        facts: JSON.stringify(facts),
        agent_version: agentVersion,
        enabled: 1,
        registered_at: nowMs,
        last_seen_at: nowMs,
      })
      .onConflict((conflict) =>
        conflict.column("host").doUpdateSet({
          facts: sql`excluded.facts`,
          agent_version: sql`excluded.agent_version`,
          last_seen_at: sql`excluded.last_seen_at`,
        }),
      )
      .returningAll()
      .executeTakeFirstOrThrow(),
  );
  return hostFromRow(row);
}

async function heartbeat(
  database: Database,
  hosts: readonly string[],
): Promise<{ readonly unknown: readonly string[] }> {
  if (hosts.length === 0) return { unknown: [] };
  const nowMs = database.now().getTime();
  const rows = await database.query("recording signs of life", (db) =>
    db
      .updateTable("hosts")
      .set({ last_seen_at: nowMs })
      .where(sql<boolean>`host in (select value from ${database.driver.jsonTexts(hosts)})`)
      .returning("host")
      .execute(),
  );
  const known = new Set(rows.map((row) => row.host));
  return { unknown: hosts.filter((host) => !known.has(host)) };
}
