import { HOLDS_SOURCE_SLOT } from "@drover/model";
import type { ExpressionBuilder, Transaction } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { compareAndSet, requireVersion } from "./migration-records.ts";
import type { ExpectedVersion, LogLine, MigrationChange, SlotAnswer, SlotLimits } from "./migration-store.ts";
import { comesBefore, type InQueue } from "./queue-order.ts";
import type { Tables } from "./schema/tables.ts";

/**
 * Counting and taking must not interleave with another conductor's: the source's lock, and then the fleet's (only when the
 * fleet has a limit), are held until the commit. Always in this order, and no other lock is waited for with them: so nobody waits in a circle, and
 * whoever waits at its source holds up no other. Locks are by name, not on the host's row, so that heartbeats, which write all
 * hosts' rows at once, never wait for a slot to be taken.
 *
 * Whoever is before a migration in the queue and could take a slot now keeps one free from it. Those that nobody works on
 * (no lease, or one that has run out) and those that wait for a destination keep nothing from anybody.
 */
export async function takeSourceSlot(
  database: Database,
  uuid: string,
  expected: ExpectedVersion,
  limits: SlotLimits,
  change: MigrationChange,
  log: LogLine,
): Promise<SlotAnswer> {
  return database.transact(`taking a slot for migration ${uuid}`, async (transaction) => {
    const migration = await requireVersion(transaction, uuid, expected);
    const { source_host: source } = migration;
    await database.driver.lock(transaction, `source-slots ${source}`);
    const nowMs = database.now().getTime();
    const max = (await limitOf(transaction, source)) ?? limits.maxOutgoing;
    const free = max - (await slotsTaken(transaction, source));
    if (free <= 0) return { kind: "full", limit: "source", max };
    const before = await waitingBefore(transaction, migration, nowMs, source, free);
    if (before.length >= free) return { kind: "not-its-turn", limit: "source", next: before[0] };
    if (Number.isFinite(limits.maxFleet)) {
      await database.driver.lock(transaction, "fleet-slots");
      const freeInFleet = limits.maxFleet - (await slotsTaken(transaction));
      if (freeInFleet <= 0) return { kind: "full", limit: "fleet", max: limits.maxFleet };
      const next = await whoseFleetSlot(transaction, migration, nowMs, freeInFleet, limits.maxOutgoing);
      if (next !== undefined) return { kind: "not-its-turn", limit: "fleet", next };
    }
    const written = { state: "preparing", waitsFor: null, ...change } as const;
    const taken = await compareAndSet(transaction, { uuid, expected, change: written, log, atMs: nowMs });
    return { kind: "taken", migration: taken, moreFree: free > 1 };
  });
}

function precedes(migration: InQueue, nowMs: number) {
  return (e: ExpressionBuilder<Tables, "migrations">) =>
    e.and([
      e("state", "=", "queued"),
      e("waits_for", "is", null),
      e("lease_expires_at", ">", nowMs),
      comesBefore(migration)(e),
    ]);
}

/** The first of those that are before the migration and wait to leave the same host, `limit` at most. */
async function waitingBefore(
  transaction: Transaction<Tables>,
  migration: InQueue,
  nowMs: number,
  source: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await transaction
    .selectFrom("migrations")
    .select("uuid")
    .where(isInProgress())
    .where("source_host", "=", source)
    .where(precedes(migration, nowMs))
    .orderBy("priority", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ uuid }) => uuid);
}

/**
 * Another migration that the fleet's last free slots are for; undefined when one is left. A migration that waits for its
 * own source to have a slot takes none from the fleet.
 */
async function whoseFleetSlot(
  transaction: Transaction<Tables>,
  migration: InQueue,
  nowMs: number,
  freeInFleet: number,
  maxOutgoing: number,
): Promise<string | undefined> {
  const before = await transaction
    .selectFrom("migrations")
    .select(["uuid", "source_host"])
    .where(isInProgress())
    .where(precedes(migration, nowMs))
    .orderBy("priority", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  if (before.length < freeInFleet) return undefined;
  const takeAt = await freeSlots(transaction, maxOutgoing);
  const ready: string[] = [];
  for (const { uuid, source_host: source } of before) {
    if (takeAt(source)) ready.push(uuid);
    if (ready.length >= freeInFleet) return ready[0];
  }
  return undefined;
}

/** Takes one of a source's free slots, in thought: false when none is left. */
export async function freeSlots(
  transaction: Transaction<Tables>,
  maxOutgoing: number,
): Promise<(source: string) => boolean> {
  const taken = await takenBySource(transaction);
  const limits = await outgoingLimits(transaction);
  const freeAt = new Map<string, number>();
  return (source) => {
    const free = freeAt.get(source) ?? (limits.get(source) ?? maxOutgoing) - (taken.get(source) ?? 0);
    freeAt.set(source, free - 1);
    return free > 0;
  };
}

async function limitOf(transaction: Transaction<Tables>, host: string): Promise<number | null> {
  const row = await transaction.selectFrom("hosts").select("max_outgoing").where("host", "=", host).executeTakeFirst();
  return row?.max_outgoing ?? null;
}

async function outgoingLimits(transaction: Transaction<Tables>): Promise<ReadonlyMap<string, number>> {
  const rows = await transaction
    .selectFrom("hosts")
    .select(["host", "max_outgoing"])
    .where("max_outgoing", "is not", null)
    .execute();
  return new Map(rows.flatMap(({ host, max_outgoing: max }) => (max === null ? [] : [[host, max] as const])));
}

async function takenBySource(transaction: Transaction<Tables>): Promise<ReadonlyMap<string, number>> {
  const rows = await transaction
    .selectFrom("migrations")
    .select((e) => ["source_host", e.fn.countAll<number>().as("taken")])
    .where(isInProgress())
    .where("state", "in", [...HOLDS_SOURCE_SLOT])
    .groupBy("source_host")
    .execute();
  return new Map(rows.map((row) => [row.source_host, Number(row.taken)]));
}

async function slotsTaken(transaction: Transaction<Tables>, source?: string): Promise<number> {
  const query = transaction
    .selectFrom("migrations")
    .select((e) => e.fn.countAll<number>().as("taken"))
    .where(isInProgress())
    .where("state", "in", [...HOLDS_SOURCE_SLOT]);
  const { taken } = await (source === undefined
    ? query
    : query.where("source_host", "=", source)
  ).executeTakeFirstOrThrow();
  return Number(taken);
}
