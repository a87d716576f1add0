import { randomUUID } from "node:crypto";
import { DroverError, type ServerGroup } from "@drover/model";
import type { Kysely, Transaction } from "kysely";
import type { Database } from "./database.ts";
import { serverGroupFromRow } from "./rows.ts";
import type { ServerGroupRow, Tables } from "./schema/tables.ts";
import type { NewServerGroup, ServerGroupChange, ServerGroupStore } from "./store.ts";

export function serverGroupRecords(database: Database): ServerGroupStore {
  return {
    list: async () => {
      const [groups, members] = await database.query("listing server groups", (db) =>
        Promise.all([
          db.selectFrom("server_groups").selectAll().orderBy("name").execute(),
          db.selectFrom("server_group_members").selectAll().orderBy("server_uuid").execute(),
        ]),
      );
      const membersOf = Map.groupBy(members, (member) => member.group_uuid);
      return groups.map((row) => serverGroupFromRow(row, (membersOf.get(row.uuid) ?? []).map(serverOf)));
    },
    ofServer: (serverUuid) =>
      database.query(`reading the group of server ${serverUuid}`, async (db) => {
        const row = await db
          .selectFrom("server_groups")
          .innerJoin("server_group_members", "server_group_members.group_uuid", "server_groups.uuid")
          .selectAll("server_groups")
          .where("server_uuid", "=", serverUuid)
          .executeTakeFirst();
        return row === undefined ? undefined : await withMembers(db, row);
      }),
    create: (group) => createGroup(database, group),
    update: (name, change) => updateGroup(database, name, change),
    remove: async (name) => {
      const deleted = await database.query(`removing server group ${name}`, (db) =>
        db.deleteFrom("server_groups").where("name", "=", name).returning("uuid").execute(),
      );
      return deleted.length > 0;
    },
  };
}

async function createGroup(database: Database, group: NewServerGroup): Promise<ServerGroup> {
  const { name, policy, maxServersPerHost, servers } = group;
  return await database.transact(`making server group ${name}`, async (transaction) => {
    await database.driver.lock(transaction, "server-groups");
    const row = await transaction
      .insertInto("server_groups")
      .values({
        uuid: randomUUID(),
        name,
        policy,
        max_servers_per_host: maxServersPerHost,
        created_at: database.now().getTime(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      throw new DroverError("refused", `there is a server group ${name} already: choose another name`, {
        details: { group: name },
      });
    }
    await addMembers(transaction, row, servers);
    return await withMembers(transaction, row);
  });
}

async function updateGroup(database: Database, name: string, change: ServerGroupChange): Promise<ServerGroup> {
  return await database.transact(`changing server group ${name}`, async (transaction) => {
    await database.driver.lock(transaction, "server-groups");
    const row = await transaction.selectFrom("server_groups").selectAll().where("name", "=", name).executeTakeFirst();
    if (row === undefined) {
      throw new DroverError("not-found", `there is no server group ${name}`, { details: { group: name } });
    }
    if (change.removeServers.length > 0) {
      await transaction
        .deleteFrom("server_group_members")
        .where("group_uuid", "=", row.uuid)
        .where("server_uuid", "in", [...change.removeServers])
        .execute();
    }
    await addMembers(transaction, row, change.addServers);
    return await withMembers(transaction, row);
  });
}

async function addMembers(
  transaction: Transaction<Tables>,
  group: ServerGroupRow,
  servers: readonly string[],
): Promise<void> {
  if (servers.length === 0) return;
  const elsewhere = await transaction
    .selectFrom("server_group_members")
    .innerJoin("server_groups", "server_groups.uuid", "server_group_members.group_uuid")
    .select(["server_uuid", "name"])
    .where("server_uuid", "in", [...servers])
    .where("group_uuid", "!=", group.uuid)
    .executeTakeFirst();
  if (elsewhere !== undefined) {
    const { server_uuid: serverUuid, name } = elsewhere;
    throw new DroverError(
      "refused",
      `server ${serverUuid} is in the group ${name}, and a server is in one at most: remove it there first`,
      { details: { serverUuid, group: name } },
    );
  }
  await transaction
    .insertInto("server_group_members")
    .values(servers.map((uuid) => ({ server_uuid: uuid, group_uuid: group.uuid })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function withMembers(db: Kysely<Tables>, row: ServerGroupRow): Promise<ServerGroup> {
  const members = await db
    .selectFrom("server_group_members")
    .selectAll()
    .where("group_uuid", "=", row.uuid)
    .orderBy("server_uuid")
    .execute();
  return serverGroupFromRow(row, members.map(serverOf));
}

function serverOf({ server_uuid: uuid }: { readonly server_uuid: string }): string {
  return uuid;
}
