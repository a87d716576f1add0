import { DroverError, type Migration } from "@drover/model";

/** The part that all commands about one migration share. */
export function commandOf(migration: Migration): {
  readonly migrationUuid: string;
  readonly generation: number;
  readonly serverUuid: string;
  readonly serverName: string;
} {
  return {
    migrationUuid: migration.uuid,
    generation: migration.generation,
    serverUuid: migration.serverUuid,
    serverName: migration.serverName,
  };
}

/** The chosen destination. @throws {DroverError} `internal` when the record has none: a step ran out of order. */
export function destinationOf(migration: Migration): string {
  if (migration.destinationHost === null) {
    throw new DroverError("internal", `migration ${migration.uuid} has no destination in state ${migration.state}`);
  }
  return migration.destinationHost;
}
