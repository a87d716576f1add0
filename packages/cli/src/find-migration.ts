import { ApiError, type DroverClient, type MigrationDetail, type MigrationView } from "@drover/api-client";
import { CliError, EXIT } from "./exit-code.ts";

const ID_OR_UUID = /^(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** `active`: only one that is not over, for requests. `newest`: the one under way, else the last one, for reading. */
export type MigrationWanted = "active" | "newest";

/**
 * The migration that a person means by an id, a uuid, or the server's name or uuid.
 *
 * @throws {ApiError} `not-found` when there is neither such a migration nor such a server; `bad-request` from the API when
 *   several servers have the name.
 * @throws {CliError} when the server has no such migration.
 */
export async function findMigration(
  client: DroverClient,
  address: string,
  wanted: MigrationWanted,
): Promise<MigrationDetail> {
  if (!ID_OR_UUID.test(address)) return await migrationOfServer(client, address, wanted);
  try {
    return await client.migration(address);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // A number may be a server's name, a uuid a server's; when it is neither, the first answer is the one to give.
    return await migrationOfServer(client, address, wanted).catch((other: unknown) => {
      throw isNotFound(other) ? error : other;
    });
  }
}

async function migrationOfServer(
  client: DroverClient,
  name: string,
  wanted: MigrationWanted,
): Promise<MigrationDetail> {
  const { server } = await client.server(name);
  if (server.migration !== null) return await client.migration(server.migration.id);
  if (wanted === "active") {
    throw new CliError(
      EXIT.notFound,
      `no migration of ${server.name} is under way; \`drover migration list --server ${server.uuid}\` shows earlier ones`,
    );
  }
  const { migrations } = await client.migrations({ server: server.uuid });
  const last = migrations.reduce<MigrationView | undefined>(
    (best, migration) => (best === undefined || migration.id > best.id ? migration : best),
    undefined,
  );
  if (last === undefined) throw new CliError(EXIT.notFound, `${server.name} was never migrated`);
  return await client.migration(last.id);
}

function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === "not-found";
}
