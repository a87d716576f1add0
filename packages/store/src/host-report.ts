import { randomUUID } from "node:crypto";
import type { Host, HostFacts } from "@drover/model";
import { type QueryCreator, sql, type Transaction } from "kysely";
import type { Database } from "./database.ts";
import { goneGuests, lockSightings, seenGuests } from "./guest-sightings.ts";
import { placementNote } from "./placement-changes.ts";
import { noteRestored } from "./restored-hosts.ts";
import { hostFromRow } from "./rows.ts";
import type { HostRow, Tables } from "./schema/tables.ts";
import type { HostReport, MissingUpTo, TakenReport } from "./store.ts";

/**
 * What an agent reports, in one transaction: a host that copies guests reports several times for each. Where the database can, all that is
 * written is one statement, since a round trip costs more than a write.
 */
export async function takeReport(
  database: Database,
  report: HostReport,
  missingUpTo: MissingUpTo = () => 0,
): Promise<TakenReport> {
  const { host } = report.facts;
  return await database.transact(`recording what host ${host} reports`, async (transaction) => {
    await lockSightings(database, transaction, host);
    // A host that was removed has no row any more, and was heard of all the same.
    const before = await transaction
      .selectFrom("host_beats")
      .leftJoin("hosts", "hosts.host", "host_beats.host")
      .select(["hosts.report_sequence", "host_beats.last_seen_at"])
      .where("host_beats.host", "=", host)
      .executeTakeFirst();
    const newest = before?.report_sequence ?? 0;
    const taken = report.sequence === 0 || report.sequence > newest;
    const row = taken
      ? await write(database, transaction, report, Math.max(newest, report.sequence))
      : await hearOf(database, transaction, host);
    const heardOfBeforeMs = before?.last_seen_at ?? 0;
    const missingUpToMs = missingUpTo(host, heardOfBeforeMs);
    if (missingUpToMs > 0) await noteRestored(transaction, host, missingUpToMs);
    return {
      host: hostFromRow(row),
      ...{ heardOfBeforeMs, missingUpToMs },
      taken,
      newest: Math.max(newest, report.sequence),
    };
  });
}

type WrittenHost = HostRow & { readonly last_seen_at: number };

/** A report that is too old is a sign of life, and nothing else. */
async function hearOf(database: Database, transaction: Transaction<Tables>, host: string): Promise<WrittenHost> {
  const { last_seen_at } = await signOfLife(transaction, host, database.now().getTime()).executeTakeFirstOrThrow();
  const row = await transaction.selectFrom("hosts").selectAll().where("host", "=", host).executeTakeFirstOrThrow();
  return { ...row, last_seen_at };
}

/** @param sequence Of the report whose guests count from now on; undefined leaves the guests as they are. */
async function write(
  database: Database,
  transaction: Transaction<Tables>,
  { facts, agentVersion, guests }: HostReport,
  sequence: number | undefined,
): Promise<WrittenHost> {
  const { host } = facts;
  const nowMs = database.now().getTime();
  const hostRow = (db: QueryCreator<Tables>) => upsertHost(db, facts, agentVersion, nowMs, sequence);
  const beat = (db: QueryCreator<Tables>) => signOfLife(db, host, nowMs);
  const noted = (db: QueryCreator<Tables>) => placementNote(database, db, { host });
  const gone = (db: QueryCreator<Tables>) => goneGuests(database, db, host, guests);
  const seen = seenGuests(database, host, guests);
  if (database.driver.writesInWith) {
    const writing = transaction.with("host", hostRow).with("beat", beat).with("noted", noted);
    const all = sequence === undefined ? writing : writing.with("gone", gone).with("seen", () => sql`(${seen})`);
    return await all
      .selectFrom(["host", "beat"])
      .selectAll("host")
      .select("beat.last_seen_at")
      .executeTakeFirstOrThrow();
  }
  const row = await hostRow(transaction).executeTakeFirstOrThrow();
  const { last_seen_at } = await beat(transaction).executeTakeFirstOrThrow();
  if (sequence !== undefined) {
    await gone(transaction).execute();
    await seen.execute(transaction);
  }
  await noted(transaction).execute();
  return { ...row, last_seen_at };
}

/** The facts alone: the guests stay as they are. */
export async function reportFacts(database: Database, facts: HostFacts, agentVersion: string): Promise<Host> {
  const report = { facts, agentVersion, guests: [], sequence: 0 };
  return await database.transact(`recording the facts of host ${facts.host}`, async (transaction) =>
    hostFromRow(await write(database, transaction, report, undefined)),
  );
}

/** @param reportSequence undefined leaves it as it is */
function upsertHost(
  db: QueryCreator<Tables>,
  facts: HostFacts,
  agentVersion: string,
  nowMs: number,
  reportSequence: number | undefined,
) {
  const sequence = reportSequence === undefined ? {} : { report_sequence: reportSequence };
  return db
    .insertInto("hosts")
    .values({
      ...{ uuid: randomUUID(), host: facts.host, facts: JSON.stringify(facts), agent_version: agentVersion },
      ...{ enabled: 1, registered_at: nowMs, ...sequence },
    })
    .onConflict((conflict) =>
      conflict.column("host").doUpdateSet({
        facts: sql`excluded.facts`,
        agent_version: sql`excluded.agent_version`,
        ...sequence,
      }),
    )
    .returningAll();
}

/** It never goes back: conductors' clocks differ. */
function signOfLife(db: QueryCreator<Tables>, host: string, nowMs: number) {
  return db
    .insertInto("host_beats")
    .values({ host, last_seen_at: nowMs })
    .onConflict((conflict) =>
      conflict.column("host").doUpdateSet({
        last_seen_at: sql`case when host_beats.last_seen_at > excluded.last_seen_at
          then host_beats.last_seen_at else excluded.last_seen_at end`,
      }),
    )
    .returning("last_seen_at");
}
