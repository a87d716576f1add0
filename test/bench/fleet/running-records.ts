import type { MigrationPlace } from "@drover/progress";

/** The most for one command line, on which statements are passed on: Linux takes 128 KiB in an argument. */
const ROWS = 1_000;

/** SQL that records migrations as being copied, held by a conductor that is none: whoever flushes looks for them, and nobody works on them. */
export function runningRecords(migrations: readonly MigrationPlace[]): readonly string[] {
  const batches = Array.from({ length: Math.ceil(migrations.length / ROWS) }, (_, n) =>
    migrations.slice(n * ROWS, (n + 1) * ROWS),
  );
  return batches.map(insertion);
}

function insertion(migrations: readonly MigrationPlace[]): string {
  const values = migrations.map(({ migrationUuid, host }) => `('${migrationUuid}', '${host}')`).join(", ");
  return `insert into migrations (uuid, server_uuid, server_name, state, generation, source_host, memory_kib, policy, flags,
      outputs, agent_sequence, requested_by, project_id, request_id, created_at, updated_at, lease_owner, lease_expires_at)
    select uuid, uuid, uuid, 'running', 1, host, 4194304, '{}', '[]',
      '{}', 0, 'bench', 'bench', 'bench', 0, 0, 'bench', 9007199254740991
    from (values ${values}) as copied (uuid, host)`;
}
