import type { KnownProgress } from "@drover/fleet";
import { type Migration, SHOWN_STATUS, TERMINAL } from "@drover/model";
import { SINCE } from "./microversion.ts";
import { microsecondsTime } from "./nova-time.ts";

/**
 * Listed under its server while it is not over. Nova hides `running (post-copy)`; here it stays: it is when an operator
 * looks hardest. One in `error` is not in progress in Nova's sense.
 */
export function isListed(migration: Migration): boolean {
  return !TERMINAL.has(migration.state) && migration.state !== "error";
}

/** Fields that both views of a migration have. */
export function migrationFields(migration: Migration, minor: number): object {
  return {
    id: migration.id,
    status: SHOWN_STATUS[migration.state],
    source_compute: migration.sourceHost,
    source_node: migration.sourceHost,
    dest_compute: migration.destinationHost,
    dest_node: migration.destinationHost,
    dest_host: migration.outputs.destination?.inboundAddress ?? null,
    created_at: microsecondsTime(migration.createdAt),
    updated_at: microsecondsTime(migration.updatedAt),
    ...(minor >= SINCE.migrationPaging ? { uuid: migration.uuid } : {}),
    ...(minor >= SINCE.migrationOwner ? { user_id: migration.requestedBy, project_id: migration.projectId } : {}),
  };
}

/** A migration under `/servers/{id}/migrations`; the numbers are null until the copy has some. */
export function serverMigrationView(migration: Migration, known: KnownProgress | undefined, minor: number): object {
  const progress = known?.progress;
  return {
    ...migrationFields(migration, minor),
    server_uuid: migration.serverUuid,
    memory_total_bytes: progress?.memoryTotalBytes ?? null,
    memory_processed_bytes: progress?.memoryProcessedBytes ?? null,
    memory_remaining_bytes: progress?.memoryRemainingBytes ?? null,
    disk_total_bytes: progress?.diskTotalBytes ?? null,
    disk_processed_bytes: progress?.diskProcessedBytes ?? null,
    disk_remaining_bytes: progress?.diskRemainingBytes ?? null,
  };
}
