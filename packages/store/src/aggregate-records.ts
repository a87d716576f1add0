import { type Aggregate, DroverError } from "@drover/model";
import type { Kysely, Transaction } from "kysely";
import type { Database } from "./database.ts";
import { notePlacementChange } from "./placement-changes.ts";
import { aggregateFromRow } from "./rows.ts";
import type { Tables } from "./schema/tables.ts";
import type { AggregateChange, AggregateStore, NewAggregate } from "./store.ts";

export function aggregateRecords(database: Database): AggregateStore {
  return {
    list: () => database.query("listing aggregates", listAggregates),
    create: (aggregate) => createAggregate(database, aggregate),
    update: (name, change) => updateAggregate(database, name, change),
    remove: async (name) => {
      return await database.transact(`removing aggregate ${name}`, async (transaction) => {
        const deleted = await transaction.deleteFrom("aggregates").where("name", "=", name).returning("id").execute();
        await notePlacementChange(database, transaction, "aggregates");
        return deleted.length > 0;
      });
    },
  };
}

export async function listAggregates(db: Kysely<Tables>): Promise<readonly Aggregate[]> {
  const [aggregates, members] = await Promise.all([
    db.selectFrom("aggregates").selectAll().orderBy("name").execute(),
    db.selectFrom("aggregate_hosts").selectAll().orderBy("host").execute(),
  ]);
  const hostsOf = Map.groupBy(members, (member) => member.aggregate_id);
  return aggregates.map((row) =>
    aggregateFromRow(
      row,
      (hostsOf.get(row.id) ?? []).map(({ host }) => host),
    ),
  );
}

async function createAggregate(database: Database, aggregate: NewAggregate): Promise<Aggregate> {
  const { name, availabilityZone, metadata, hosts } = aggregate;
  return await database.transact(`making aggregate ${name}`, async (transaction) => {
    await database.driver.lock(transaction, "aggregates");
    const row = await transaction
      .insertInto("aggregates")
      .values({
        name,
        availability_zone: availabilityZone,
        metadata: JSON.stringify(metadata),
        created_at: database.now().getTime(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    if (row === undefined) {
      throw new DroverError("refused", `there is an aggregate ${name} already: choose another name`, {
        details: { aggregate: name },
      });
    }
    await addHosts(transaction, row.id, hosts);
    await notePlacementChange(database, transaction, "aggregates");
    return await settled(transaction, name);
  });
}

async function updateAggregate(database: Database, name: string, change: AggregateChange): Promise<Aggregate> {
  return await database.transact(`changing aggregate ${name}`, async (transaction) => {
    await database.driver.lock(transaction, "aggregates");
    const row = await transaction.selectFrom("aggregates").select("id").where("name", "=", name).executeTakeFirst();
    if (row === undefined) throw noAggregate(name);
    const columns = {
      ...(change.availabilityZone === undefined ? {} : { availability_zone: change.availabilityZone }),
      ...(change.metadata === undefined ? {} : { metadata: JSON.stringify(change.metadata) }),
    };
    if (Object.keys(columns).length > 0) {
      await transaction.updateTable("aggregates").set(columns).where("id", "=", row.id).execute();
    }
    if (change.removeHosts.length > 0) {
      await transaction
        .deleteFrom("aggregate_hosts")
        .where("aggregate_id", "=", row.id)
        .where("host", "in", [...change.removeHosts])
        .execute();
    }
    await addHosts(transaction, row.id, change.addHosts);
    await notePlacementChange(database, transaction, "aggregates");
    return await settled(transaction, name);
  });
}

async function addHosts(transaction: Transaction<Tables>, id: number, hosts: readonly string[]): Promise<void> {
  if (hosts.length === 0) return;
  await transaction
    .insertInto("aggregate_hosts")
    .values(hosts.map((host) => ({ aggregate_id: id, host })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** The aggregate as it is now; what was written is taken back when a host would be in two zones. */
async function settled(transaction: Transaction<Tables>, name: string): Promise<Aggregate> {
  const all = await listAggregates(transaction);
  const aggregate = all.find((candidate) => candidate.name === name);
  if (aggregate === undefined) throw noAggregate(name);
  const { availabilityZone: zone } = aggregate;
  if (zone === null) return aggregate;
  for (const other of all) {
    if (other.availabilityZone === null || other.availabilityZone === zone) continue;
    const host = aggregate.hosts.find((candidate) => other.hosts.includes(candidate));
    if (host === undefined) continue;
    throw new DroverError(
      "refused",
      `${host} is in the zone ${other.availabilityZone} by the aggregate ${other.name}, and would be in ${zone} too: ` +
        "remove it from one of the two",
      { details: { host, aggregate: name, otherAggregate: other.name } },
    );
  }
  return aggregate;
}

function noAggregate(name: string): DroverError {
  return new DroverError("not-found", `there is no aggregate ${name}`, { details: { aggregate: name } });
}
