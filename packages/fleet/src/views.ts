import type {
  AggregateView,
  HostView,
  LogEntryView,
  MigrationChange,
  MigrationView,
  ProgressView,
  ServerGroupView,
  ServerView,
} from "@drover/contracts";
import {
  type Aggregate,
  expectedStandstill,
  type Migration,
  type MigrationLogEntry,
  SHOWN_STATUS,
} from "@drover/model";
import type { KnownHost, KnownServer, KnownServerGroup } from "./fleet.ts";
import type { KnownProgress } from "./progress-reader.ts";
import type { QueuePlace } from "./queue-places.ts";

export function viewHost(host: KnownHost): HostView {
  const { id, uuid, facts, enabled, disabledReason, maintenance, agentVersion } = host;
  const { maxOutgoingMigrations, maxIncomingMigrations } = host;
  return {
    id,
    uuid,
    name: facts.host,
    state: host.up ? "up" : "down",
    enabled,
    disabledReason,
    maintenance: maintenance === null ? null : { reason: maintenance.reason, since: maintenance.since.toISOString() },
    forcedDown: host.forcedDown,
    availabilityZone: host.availabilityZone,
    aggregates: [...host.aggregates],
    maxOutgoingMigrations,
    maxIncomingMigrations,
    facts,
    agentVersion,
    lastSeenAt: host.lastSeenAt.toISOString(),
    servers: host.servers.length,
  };
}

export function viewServer(server: KnownServer): ServerView {
  const { migration, leftovers, runsTwice, metadata, group, lock } = server;
  return {
    ...server,
    seenAt: server.seenAt.toISOString(),
    leftovers: [...leftovers],
    runsTwice: [...runsTwice],
    metadata: { ...metadata },
    group: group?.name ?? null,
    lock:
      lock === null ? null : { reason: lock.reason, lockedBy: lock.lockedBy, lockedAt: lock.lockedAt.toISOString() },
    migration:
      migration === null ? null : { id: migration.id, uuid: migration.uuid, status: SHOWN_STATUS[migration.state] },
  };
}

export function viewServerGroup(group: KnownServerGroup): ServerGroupView {
  const { uuid, name, policy, maxServersPerHost, members, createdAt } = group;
  return { uuid, name, policy, maxServersPerHost, servers: [...members], createdAt: createdAt.toISOString() };
}

export function viewAggregate(aggregate: Aggregate): AggregateView {
  const { id, name, availabilityZone, metadata, hosts, createdAt } = aggregate;
  return {
    id,
    name,
    availabilityZone,
    metadata: { ...metadata },
    hosts: [...hosts],
    createdAt: createdAt.toISOString(),
  };
}

/** @param place Of one that is queued; undefined otherwise. */
export function viewMigration(
  migration: Migration,
  known: KnownProgress | undefined,
  place: QueuePlace | undefined,
): MigrationView {
  const { id, uuid, state, sourceHost, destinationHost, requestedHost, reason, failure } = migration;
  return {
    id,
    uuid,
    server: { uuid: migration.serverUuid, name: migration.serverName },
    state,
    status: SHOWN_STATUS[state],
    sourceHost,
    destinationHost,
    requestedHost,
    priority: migration.priority,
    queue: state === "queued" ? (place ?? null) : null,
    reason,
    failure: failure === null ? null : { ...failure, details: { ...failure.details } },
    proof: migration.proof,
    flags: [...migration.flags],
    policy: migration.policy,
    policyOrigins: { ...migration.policyOrigins },
    requestedBy: migration.requestedBy,
    requestId: migration.requestId,
    abortRequestedAt: isoTime(migration.abortRequestedAt),
    forceCompleteRequestedAt: isoTime(migration.forceCompleteRequestedAt),
    forceCompleteMethod: migration.forceCompleteMethod,
    expectedStandstill: state === "running" ? expectedStandstill(known?.progress ?? null, migration.flags) : null,
    tuning: migration.tuning,
    resume: migration.resume,
    requestAnswer: migration.requestAnswer,
    createdAt: migration.createdAt.toISOString(),
    updatedAt: migration.updatedAt.toISOString(),
    startedAt: isoTime(migration.startedAt),
    endedAt: isoTime(migration.endedAt),
    progress: known === undefined ? null : viewProgress(known),
  };
}

export function viewProgress({ progress, source, ageMs, stale }: KnownProgress): ProgressView {
  return { ...progress, source, ageMs, stale };
}

export function viewLogEntry({ at, event, state, message, numbers }: MigrationLogEntry): LogEntryView {
  return { at: at.toISOString(), event, state, message, numbers: numbers === null ? null : { ...numbers } };
}

/** @param migration The record of which the line tells, as it is at `now`. */
export function viewChange(line: MigrationLogEntry, migration: Migration, now: Date): MigrationChange {
  const { finalProgress: progress } = migration;
  const ageMs = Math.max(0, now.getTime() - (progress?.observedAtMs ?? 0));
  const known = progress === null ? undefined : ({ progress, source: "record", ageMs, stale: false } as const);
  return { id: line.id, ...viewLogEntry(line), migration: viewMigration(migration, known, undefined) };
}

function isoTime(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
