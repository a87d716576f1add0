import type {
  HostView,
  MigrationDetail,
  MigrationView,
  ParkedView,
  ProgressView,
  ServerView,
} from "@drover/api-client";
import { defaultPolicy, SHOWN_STATUS } from "@drover/model";

import type { ScriptedEvent } from "./scripted-api.ts";

const MiB = 1024 * 1024;
const SERVER_UUID = "11111111-0000-4000-8000-000000000001";
const MIGRATION_UUID = "22222222-0000-4000-8000-000000000012";

/** The clock of a test starts here. */
export const SAMPLE_NOW = new Date("2026-03-01T12:00:00.000Z");

/** A copy in its third pass: 2 GiB of which 812 MiB are left, dirtied faster than it is sent. */
export function sampleProgress(over: Partial<ProgressView> = {}): ProgressView {
  return {
    migrationUuid: MIGRATION_UUID,
    sequence: 9,
    observedAtMs: SAMPLE_NOW.getTime(),
    phase: "pre-copy",
    elapsedMs: 12_000,
    memoryTotalBytes: 2048 * MiB,
    memoryProcessedBytes: 1500 * MiB,
    memoryRemainingBytes: 812 * MiB,
    memoryBytesPerSecond: 118 * MiB,
    dirtyBytesPerSecond: 130 * MiB,
    iteration: 3,
    diskTotalBytes: 0,
    diskProcessedBytes: 0,
    diskRemainingBytes: 0,
    expectedDowntimeMs: 900,
    downtimeLimitMs: 500,
    autoConvergeThrottlePercent: 0,
    downtimeMs: null,
    source: "cache",
    ageMs: 120,
    stale: false,
    ...over,
  };
}

/** Migration 12 of `busy`, host-1 to host-2, running unless said otherwise. */
export function sampleMigration(over: Partial<MigrationView> = {}): MigrationView {
  const state = over.state ?? "running";
  return {
    id: 12,
    uuid: MIGRATION_UUID,
    server: { uuid: SERVER_UUID, name: "busy" },
    state,
    status: SHOWN_STATUS[state],
    sourceHost: "host-1",
    destinationHost: "host-2",
    requestedHost: null,
    priority: 0,
    queue: null,
    reason: null,
    failure: null,
    proof: null,
    flags: [{ name: "VIR_MIGRATE_LIVE", reason: "the guest is running" }],
    policy: { ...defaultPolicy, schedule: [...defaultPolicy.schedule] },
    policyOrigins: { downtimeMs: "request", bandwidthMiBps: "host host-1" },
    requestedBy: "operator",
    requestId: "req-1",
    abortRequestedAt: null,
    forceCompleteRequestedAt: null,
    forceCompleteMethod: null,
    expectedStandstill: null,
    tuning: null,
    resume: null,
    requestAnswer: null,
    createdAt: "2026-03-01T11:59:40.000Z",
    updatedAt: "2026-03-01T11:59:59.000Z",
    startedAt: "2026-03-01T11:59:48.000Z",
    endedAt: null,
    progress: null,
    ...over,
  };
}

export function sampleDetail(over: Partial<MigrationView> = {}): MigrationDetail {
  const migration = sampleMigration(over);
  const entry = {
    at: migration.createdAt,
    event: "schedule",
    state: "preparing",
    message: "host-2 was chosen",
    numbers: null,
  } as const;
  return { migration, log: [entry] };
}

/**
 * What an event stream says of migration 12: how it stands first, then each further state as a change, and numbers alone as
 * progress.
 */
export function sampleEvents(
  first: Partial<MigrationView>,
  ...rest: readonly Partial<MigrationView>[]
): ScriptedEvent[] {
  const after = rest.map((over, at) => {
    if (over.state === undefined) return { event: "progress", data: { progress: [over.progress] } };
    const { migration, log } = sampleDetail(over);
    return { event: "change", id: at + 2, data: { id: at + 2, ...log[0], state: over.state, migration } };
  });
  return [{ event: "snapshot", id: 1, data: sampleDetail(first) }, ...after];
}

export function sampleServer(over: Partial<ServerView> = {}): ServerView {
  return {
    uuid: SERVER_UUID,
    name: "busy",
    host: "host-1",
    powerState: "running",
    vcpus: 2,
    memoryKiB: 2 * 1024 * 1024,
    persistent: true,
    seenAt: "2026-03-01T11:59:59.000Z",
    leftovers: [],
    runsTwice: [],
    metadata: {},
    availabilityZone: null,
    group: null,
    lock: null,
    migration: null,
    ...over,
  };
}

export function sampleHost(over: Partial<HostView> = {}): HostView {
  return {
    id: 1,
    uuid: "33333333-0000-4000-8000-000000000001",
    name: "host-1",
    state: "up",
    enabled: true,
    disabledReason: null,
    maintenance: null,
    forcedDown: false,
    availabilityZone: "nova",
    aggregates: [],
    maxOutgoingMigrations: null,
    maxIncomingMigrations: null,
    facts: {
      host: "host-1",
      hostUuid: "44444444-0000-4000-8000-000000000001",
      hypervisorType: "QEMU",
      hypervisorVersion: 7_002_000,
      libvirtVersion: 9_000_000,
      cpuArch: "x86_64",
      cpuModel: "EPYC",
      cpus: 16,
      memoryKiB: 64 * 1024 * 1024,
      inboundAddress: "127.0.0.1",
      libvirtUri: "qemu+tcp://127.0.0.1:16509/system",
    },
    agentVersion: "0.1.0",
    lastSeenAt: "2026-03-01T11:59:57.000Z",
    servers: 4,
    ...over,
  };
}

export function sampleParked(over: Partial<ParkedView> = {}): ParkedView {
  return {
    id: "a1b2",
    queue: "compute.host-1",
    server: "host-1",
    method: "live_migration",
    requestId: "req-1",
    reason: { code: "libvirt", message: "libvirtd said no", details: {} },
    tries: 5,
    parkedAt: "2026-03-01T11:59:00.000Z",
    ...over,
  };
}
