import type { Generated, Selectable } from "kysely";

/**
 * The tables as both drivers hold them. Times are integers, ms since 1970 (so that both agree and order right);
 * yes/no is 0 or 1; structures are JSON text. `../rows.ts` is the one place that converts.
 */
export interface Tables {
  readonly hosts: HostTable;
  readonly guests: GuestTable;
  readonly migrations: MigrationTable;
  readonly migration_log: MigrationLogTable;
  readonly destination_claims: DestinationClaimTable;
  readonly migration_progress: MigrationProgressTable;
  readonly progress_histories: ProgressHistoryTable;
  readonly server_groups: ServerGroupTable;
  readonly server_group_members: ServerGroupMemberTable;
  readonly aggregates: AggregateTable;
  readonly aggregate_hosts: AggregateHostTable;
  readonly server_zones: ServerZoneTable;
  readonly duties: DutyTable;
  readonly pruned_log: PrunedLogTable;
  readonly tokens: TokenTable;
  readonly server_locks: ServerLockTable;
  readonly server_actions: ServerActionTable;
  readonly audit: AuditTable;
  readonly webhooks: WebhookTable;
  readonly placement_changes: PlacementChangeTable;
  readonly host_beats: HostBeatTable;
}

interface HostTable {
  readonly id: Generated<number>;
  readonly uuid: string;
  readonly host: string;
  readonly facts: string;
  readonly agent_version: string;
  readonly enabled: number;
  readonly disabled_reason: string | null;
  readonly registered_at: number;
  readonly restored_up_to: Generated<number>;
  readonly report_sequence: Generated<number>;
  readonly max_outgoing: number | null;
  readonly max_incoming: number | null;
  readonly maintenance_reason: string | null;
  readonly maintenance_since: number | null;
  readonly forced_down: Generated<number>;
}

interface HostBeatTable {
  readonly host: string;
  readonly last_seen_at: number;
}

interface PlacementChangeTable {
  readonly kind: string;
  readonly name: string;
  readonly revision: number;
}

interface GuestTable {
  readonly uuid: string;
  readonly host: string;
  readonly name: string;
  readonly power_state: string;
  readonly persistent: number;
  readonly vcpus: number;
  readonly memory_kib: number;
  readonly migrating: number;
  readonly seen_at: number;
  readonly metadata: Generated<string>;
}

export interface MigrationTable {
  readonly id: Generated<number>;
  readonly uuid: string;
  readonly server_uuid: string;
  readonly server_name: string;
  readonly state: string;
  readonly generation: number;
  readonly source_host: string;
  readonly destination_host: string | null;
  readonly requested_host: string | null;
  readonly memory_kib: number;
  readonly policy: string;
  readonly flags: string;
  readonly step: string | null;
  readonly outputs: string;
  readonly reason: string | null;
  readonly failure: string | null;
  readonly outcome: string | null;
  readonly agent_sequence: number;
  readonly requested_by: string;
  readonly project_id: string;
  readonly request_id: string;
  readonly traceparent: string | null;
  readonly abort_requested_at: number | null;
  readonly abort_requested_by: string | null;
  readonly force_complete_requested_at: number | null;
  readonly force_complete_requested_by: string | null;
  readonly request_answer: string | null;
  readonly final_progress: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly proof: string | null;
  readonly block_migration: number | null;
  readonly priority: Generated<number>;
  readonly waits_for: string | null;
  readonly waits_for_hosts: string | null;
  readonly policy_origins: Generated<string>;
  readonly force_complete_method: string | null;
  readonly tuning: string | null;
  readonly resume: string | null;
  readonly lease_owner: string | null;
  readonly lease_expires_at: number | null;
}

interface MigrationLogTable {
  readonly id: Generated<number>;
  readonly migration_uuid: string;
  readonly at: number;
  readonly event: string;
  readonly state: string;
  readonly message: string;
  readonly numbers: string | null;
  readonly request: string | null;
}

interface DestinationClaimTable {
  readonly migration_uuid: string;
  readonly host: string;
  readonly memory_kib: number;
  readonly claimed_at: number;
}

interface MigrationProgressTable {
  readonly migration_uuid: string;
  readonly sequence: number;
  /** By the clock of the conductor that flushed it, when the cache had taken it. */
  readonly observed_at: number;
  readonly snapshot: string;
}

interface ProgressHistoryTable {
  readonly migration_uuid: string;
  readonly archived_at: number;
  readonly points: string;
}

interface ServerGroupTable {
  readonly uuid: string;
  readonly name: string;
  readonly policy: string;
  readonly max_servers_per_host: number;
  readonly created_at: number;
}

interface ServerGroupMemberTable {
  readonly server_uuid: string;
  readonly group_uuid: string;
}

interface AggregateTable {
  readonly id: Generated<number>;
  readonly name: string;
  readonly availability_zone: string | null;
  readonly metadata: string;
  readonly created_at: number;
}

interface AggregateHostTable {
  readonly aggregate_id: number;
  readonly host: string;
}

interface ServerZoneTable {
  readonly server_uuid: string;
  readonly availability_zone: string;
}

interface TokenTable {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly project_id: string;
  readonly networks: string;
  readonly secret_hash: string;
  readonly created_by: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_by: string | null;
  readonly revoked_at: number | null;
}

interface ServerLockTable {
  readonly server_uuid: string;
  readonly reason: string | null;
  readonly locked_by: string;
  readonly by_admin: number;
  readonly locked_at: number;
}

interface DutyTable {
  readonly name: string;
  readonly owner: string;
  readonly expires_at: number;
}

/** One row at most. */
interface PrunedLogTable {
  readonly one: number;
  readonly up_to_id: number;
}

interface AuditTable {
  readonly id: Generated<number>;
  readonly at: number;
  readonly user_id: string | null;
  readonly project_id: string | null;
  readonly role: string | null;
  readonly token_id: string | null;
  readonly remote_address: string | null;
  readonly sender: string | null;
  readonly action: string;
  readonly resource: string | null;
  readonly request: string | null;
  readonly outcome: string | null;
  readonly message: string | null;
  readonly http_status: number | null;
  readonly request_id: string;
  readonly times: number;
  readonly entry_id: string | null;
}

interface ServerActionTable {
  readonly id: Generated<number>;
  readonly server_uuid: string;
  readonly action: string;
  readonly request_id: string;
  readonly user_id: string;
  readonly project_id: string | null;
  readonly host: string | null;
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly error: string | null;
}

interface WebhookTable {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
  readonly states: string;
  readonly enabled: number;
  readonly disabled_reason: string | null;
  readonly position: number;
  readonly failing_since: number | null;
  readonly last_error: string | null;
  readonly last_delivered_at: number | null;
  readonly created_at: number;
  readonly created_by: string;
}

export type HostRow = Selectable<HostTable>;
export type GuestRow = Selectable<GuestTable>;
export type MigrationRow = Selectable<MigrationTable>;
export type ServerGroupRow = Selectable<ServerGroupTable>;
export type ServerLockRow = Selectable<ServerLockTable>;
export type AggregateRow = Selectable<AggregateTable>;
export type MigrationLogRow = Selectable<MigrationLogTable>;
export type AuditRow = Selectable<AuditTable>;
export type ServerActionRow = Selectable<ServerActionTable>;
export type TokenRow = Selectable<TokenTable>;
export type WebhookRow = Selectable<WebhookTable>;
