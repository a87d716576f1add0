import {
  type AccessToken,
  type Aggregate,
  type AuditEntry,
  completePolicy,
  type GuestSighting,
  type Host,
  type Migration,
  type MigrationLogEntry,
  type ServerAction,
  type ServerGroup,
  type ServerLock,
  type Webhook,
} from "@drover/model";
import type { Updateable } from "kysely";
import type { MigrationChange } from "./migration-store.ts";
import type {
  AggregateRow,
  AuditRow,
  GuestRow,
  HostRow,
  MigrationLogRow,
  MigrationRow,
  MigrationTable,
  ServerActionRow,
  ServerGroupRow,
  ServerLockRow,
  TokenRow,
  WebhookRow,
} from "./schema/tables.ts";

// The only place where stored values become the model's and back. What is read was written by this code, so its words
// (states, power states) are taken as they are.

export function migrationFromRow(row: MigrationRow): Migration {
  return {
    id: row.id,
    uuid: row.uuid,
    serverUuid: row.server_uuid,
    serverName: row.server_name,
    state: word<Migration["state"]>(row.state),
    generation: row.generation,
    sourceHost: row.source_host,
    destinationHost: row.destination_host,
    requestedHost: row.requested_host,
    blockMigration: row.block_migration === null ? null : row.block_migration === 1,
    memoryKiB: row.memory_kib,
    policy: completePolicy(fromJson<Partial<Migration["policy"]>>(row.policy)),
    policyOrigins: fromJson<Migration["policyOrigins"]>(row.policy_origins),
    flags: fromJson<Migration["flags"]>(row.flags),
    step: row.step,
    outputs: fromJson<Migration["outputs"]>(row.outputs),
    reason: row.reason,
    failure: row.failure === null ? null : fromJson<Migration["failure"]>(row.failure),
    outcome: row.outcome === null ? null : word<NonNullable<Migration["outcome"]>>(row.outcome),
    proof: row.proof === null ? null : fromJson<Migration["proof"]>(row.proof),
    priority: row.priority,
    waitsFor: row.waits_for === null ? null : word<NonNullable<Migration["waitsFor"]>>(row.waits_for),
    waitsForHosts: row.waits_for_hosts === null ? [] : fromJson<readonly string[]>(row.waits_for_hosts),
    agentSequence: row.agent_sequence,
    requestedBy: row.requested_by,
    projectId: row.project_id,
    requestId: row.request_id,
    traceparent: row.traceparent,
    abortRequestedAt: fromMs(row.abort_requested_at),
    abortRequestedBy: row.abort_requested_by,
    forceCompleteRequestedAt: fromMs(row.force_complete_requested_at),
    forceCompleteRequestedBy: row.force_complete_requested_by,
    forceCompleteMethod:
      row.force_complete_method === null
        ? null
        : word<NonNullable<Migration["forceCompleteMethod"]>>(row.force_complete_method),
    tuning: row.tuning === null ? null : fromJson<Migration["tuning"]>(row.tuning),
    resume: row.resume === null ? null : fromJson<Migration["resume"]>(row.resume),
    requestAnswer: row.request_answer,
    finalProgress: row.final_progress === null ? null : fromJson<Migration["finalProgress"]>(row.final_progress),
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    startedAt: fromMs(row.started_at),
    endedAt: fromMs(row.ended_at),
  };
}

/** Columns that `change` names; what it leaves out stays undefined, which Kysely leaves out too. */
export function columnsFromChange(change: MigrationChange): Updateable<MigrationTable> {
  return {
    state: change.state,
    destination_host: change.destinationHost,
    policy: toJson(change.policy),
    policy_origins: toJson(change.policyOrigins),
    flags: toJson(change.flags),
    step: change.step,
    priority: change.priority,
    waits_for: change.waitsFor,
    waits_for_hosts: change.waitsForHosts?.length === 0 ? null : toJson(change.waitsForHosts),
    outputs: toJson(change.outputs),
    reason: change.reason,
    failure: toNullableJson(change.failure),
    outcome: change.outcome,
    proof: toNullableJson(change.proof),
    agent_sequence: change.agentSequence,
    abort_requested_at: toMs(change.abortRequestedAt),
    abort_requested_by: change.abortRequestedBy,
    force_complete_requested_at: toMs(change.forceCompleteRequestedAt),
    force_complete_requested_by: change.forceCompleteRequestedBy,
    force_complete_method: change.forceCompleteMethod,
    tuning: toNullableJson(change.tuning),
    resume: toNullableJson(change.resume),
    request_answer: change.requestAnswer,
    final_progress: toNullableJson(change.finalProgress),
    started_at: toMs(change.startedAt),
    ended_at: toMs(change.endedAt),
  };
}

export function logEntryFromRow(row: MigrationLogRow): MigrationLogEntry {
  return {
    id: row.id,
    migrationUuid: row.migration_uuid,
    at: new Date(row.at),
    event: row.event,
    state: word<MigrationLogEntry["state"]>(row.state),
    message: row.message,
    numbers: row.numbers === null ? null : fromJson<MigrationLogEntry["numbers"]>(row.numbers),
    request: row.request === null ? null : fromJson<MigrationLogEntry["request"]>(row.request),
  };
}

export function hostFromRow(row: HostRow & { readonly last_seen_at: number }): Host {
  return {
    id: row.id,
    uuid: row.uuid,
    facts: fromJson<Host["facts"]>(row.facts),
    agentVersion: row.agent_version,
    enabled: row.enabled === 1,
    disabledReason: row.disabled_reason,
    maintenance:
      row.maintenance_reason === null
        ? null
        : { reason: row.maintenance_reason, since: new Date(row.maintenance_since ?? 0) },
    forcedDown: row.forced_down === 1,
    maxOutgoingMigrations: row.max_outgoing,
    maxIncomingMigrations: row.max_incoming,
    registeredAt: new Date(row.registered_at),
    lastSeenAt: new Date(row.last_seen_at),
  };
}

export function lockFromRow(row: ServerLockRow): ServerLock {
  return {
    reason: row.reason,
    lockedBy: row.locked_by,
    byAdmin: row.by_admin === 1,
    lockedAt: new Date(row.locked_at),
  };
}

export function serverActionFromRow(row: ServerActionRow): ServerAction {
  return {
    id: row.id,
    serverUuid: row.server_uuid,
    action: row.action as ServerAction["action"],
    requestId: row.request_id,
    userId: row.user_id,
    projectId: row.project_id,
    host: row.host,
    startedAt: new Date(row.started_at),
    finishedAt: row.finished_at === null ? null : new Date(row.finished_at),
    error: row.error,
  };
}

export function sightingFromRow(row: GuestRow): GuestSighting {
  return {
    uuid: row.uuid,
    host: row.host,
    name: row.name,
    powerState: word<GuestSighting["powerState"]>(row.power_state),
    persistent: row.persistent === 1,
    vcpus: row.vcpus,
    memoryKiB: row.memory_kib,
    migrating: row.migrating === 1,
    metadata: fromJson<Record<string, string>>(row.metadata),
    seenAt: new Date(row.seen_at),
  };
}

export function serverGroupFromRow(row: ServerGroupRow, servers: readonly string[]): ServerGroup {
  return {
    uuid: row.uuid,
    name: row.name,
    policy: word<ServerGroup["policy"]>(row.policy),
    maxServersPerHost: row.max_servers_per_host,
    servers,
    createdAt: new Date(row.created_at),
  };
}

export function aggregateFromRow(row: AggregateRow, hosts: readonly string[]): Aggregate {
  return {
    id: row.id,
    name: row.name,
    availabilityZone: row.availability_zone,
    metadata: fromJson<Record<string, string>>(row.metadata),
    hosts,
    createdAt: new Date(row.created_at),
  };
}

export function tokenFromRow(row: TokenRow): AccessToken {
  return {
    id: row.id,
    name: row.name,
    role: word<AccessToken["role"]>(row.role),
    projectId: row.project_id,
    networks: fromJson<readonly string[]>(row.networks),
    secretHash: row.secret_hash,
    createdBy: row.created_by,
    createdAt: new Date(row.created_at),
    expiresAt: fromMs(row.expires_at),
    revokedBy: row.revoked_by,
    revokedAt: fromMs(row.revoked_at),
  };
}

export function auditFromRow(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    at: new Date(row.at),
    userId: row.user_id,
    projectId: row.project_id,
    role: row.role,
    tokenId: row.token_id,
    remoteAddress: row.remote_address,
    sender: row.sender,
    action: row.action,
    resource: row.resource,
    request: row.request,
    outcome: row.outcome,
    message: row.message,
    httpStatus: row.http_status,
    requestId: row.request_id,
    times: row.times,
  };
}

export function webhookFromRow(row: WebhookRow): Webhook {
  return {
    id: row.id,
    url: row.url,
    secret: row.secret,
    states: fromJson<Webhook["states"]>(row.states),
    enabled: row.enabled === 1,
    disabledReason: row.disabled_reason,
    position: row.position,
    failingSince: fromMs(row.failing_since),
    lastError: row.last_error,
    lastDeliveredAt: fromMs(row.last_delivered_at),
    createdAt: new Date(row.created_at),
    createdBy: row.created_by,
  };
}

export function fromJson<T>(text: string): T {
  const value: T = JSON.parse(text);
  return value;
}

function word<T extends string>(text: string): T {
  return text as T;
}

function toJson(value: object): string;
function toJson(value: object | undefined): string | undefined;
function toJson(value: object | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function toNullableJson(value: object | null | undefined): string | null | undefined {
  return value === null ? null : toJson(value);
}

function fromMs(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function toMs(date: Date | null | undefined): number | null | undefined {
  return date instanceof Date ? date.getTime() : date;
}
