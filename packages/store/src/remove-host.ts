import { DroverError } from "@drover/model";
import type { Database } from "./database.ts";
import { isInProgress } from "./in-progress.ts";
import { notePlacementChange } from "./placement-changes.ts";

/**
 * Forgets a host, with its places in aggregates. One that has guests, or that a migration in progress comes from or goes
 * to, is not forgotten: what is known of those hangs on it. When it was heard of stays, since an agent that still runs there
 * remembers it too: without it the database would look as if it had been restored.
 *
 * @throws {DroverError} `refused`
 */
export async function removeHost(database: Database, host: string): Promise<boolean> {
  return await database.transact(`removing host ${host}`, async (transaction) => {
    const guests = await transaction.selectFrom("guests").select("name").where("host", "=", host).limit(1).execute();
    if (guests[0] !== undefined) throw inTheWay(host, `it has guests, ${guests[0].name} among them: move them first`);
    const migrations = await transaction
      .selectFrom("migrations")
      .select("id")
      .where(isInProgress())
      .where((e) => e.or([e("source_host", "=", host), e("destination_host", "=", host)]))
      .limit(1)
      .execute();
    if (migrations[0] !== undefined) {
      throw inTheWay(host, `migration ${migrations[0].id} is in progress with it: wait for its end, or abort it`);
    }
    await transaction.deleteFrom("aggregate_hosts").where("host", "=", host).execute();
    const removed = await transaction.deleteFrom("hosts").where("host", "=", host).returning("id").execute();
    await notePlacementChange(database, transaction, { host });
    await notePlacementChange(database, transaction, "aggregates");
    return removed.length > 0;
  });
}

function inTheWay(host: string, why: string): DroverError {
  return new DroverError("refused", `host ${host} cannot be removed: ${why}`, { details: { host } });
}
