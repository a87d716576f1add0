import { HOLDS_SOURCE_SLOT, type Migration } from "@drover/model";
import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { compareAndSet, requireVersion } from "./migration-records.ts";
import type { Tables } from "./schema/tables.ts";
import type { ExpectedVersion, LogLine, MigrationChange } from "./store.ts";

export interface SlotLimits {
  readonly maxOutgoing: number;
  readonly maxFleet: number;
}

/**
 * Counting and taking must not interleave with another conductor's: the fleet's lock (only when the fleet has a limit),
 * then the source's, are held until the commit. Locks are by name, not on the host's row, so that heartbeats, which
 * write all hosts' rows at once, never wait for a slot to be taken.
 */
export async function takeSourceSlot(
  database: Database,
  uuid: string,
  expected: ExpectedVersion,
  limits: SlotLimits,
  change: MigrationChange,
  log: LogLine,
): Promise<Migration | undefined> {
  return database.transact(`taking a slot for migration ${uuid}`, async (transaction) => {
    const { source_host: source } = await requireVersion(transaction, uuid, expected);
    if (Number.isFinite(limits.maxFleet)) {
      await database.driver.lock(transaction, "fleet-slots");
      if ((await slotsTaken(transaction)) >= limits.maxFleet) return undefined;
    }
    await database.driver.lock(transaction, `source-slots ${source}`);
    if ((await slotsTaken(transaction, source)) >= limits.maxOutgoing) return undefined;
    const atMs = database.now().getTime();
    return compareAndSet(transaction, { uuid, expected, change: { state: "preparing", ...change }, log, atMs });
  });
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
  return taken;
}
