import { defaultPolicy, type HostFacts, type MigrationProgress, type ObservedGuest } from "@drover/model";
import type { LogLine, NewMigration } from "../migration-store.ts";

/** What the suites write: whole records from a few words. */

export const log: LogLine = { event: "test", message: "A test wrote this." };

export const roomy = { maxOutgoing: 100, maxFleet: Number.POSITIVE_INFINITY };

export function newMigration(wish: Partial<NewMigration> = {}): NewMigration {
  return {
    serverUuid: crypto.randomUUID(),
    serverName: "vm1",
    sourceHost: "east",
    requestedHost: null,
    memoryKiB: 1_048_576,
    policy: defaultPolicy,
    step: "choose-destination",
    requestedBy: "ann",
    projectId: "farm",
    requestId: "req-1",
    ...wish,
  };
}

export function hostFacts(host: string): HostFacts {
  return {
    host,
    hostUuid: crypto.randomUUID(),
    hypervisorType: "QEMU",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    cpuArch: "x86_64",
    cpuModel: "EPYC-Rome",
    cpus: 8,
    memoryKiB: 33_554_432,
    inboundAddress: "10.0.0.1",
    libvirtUri: `qemu+tcp://${host}/system`,
  };
}

export function observedGuest(wish: Partial<ObservedGuest> = {}): ObservedGuest {
  return {
    uuid: crypto.randomUUID(),
    name: "vm1",
    powerState: "running",
    persistent: true,
    vcpus: 2,
    memoryKiB: 2_097_152,
    migrating: false,
    metadata: { tier: "“db”" },
    ...wish,
  };
}

export function snapshotOf(migrationUuid: string, sequence: number): MigrationProgress {
  return {
    migrationUuid,
    sequence,
    observedAtMs: 1_700_000_000_000 + sequence,
    phase: "pre-copy",
    elapsedMs: sequence * 500,
    memoryTotalBytes: 1_073_741_824,
    memoryProcessedBytes: sequence,
    memoryRemainingBytes: 1_073_741_824 - sequence,
    memoryBytesPerSecond: 100_000_000,
    dirtyBytesPerSecond: 4096,
    iteration: 1,
    diskTotalBytes: 0,
    diskProcessedBytes: 0,
    diskRemainingBytes: 0,
    expectedDowntimeMs: 300,
    downtimeLimitMs: 500,
    autoConvergeThrottlePercent: 0,
    downtimeMs: null,
  };
}
