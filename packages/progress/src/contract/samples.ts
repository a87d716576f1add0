import type { AgedProgress, MigrationProgress } from "@drover/model";
import type { MigrationPlace } from "../progress-cache.ts";

export function placesOf(host: string, ...migrationUuids: readonly string[]): readonly MigrationPlace[] {
  return migrationUuids.map((migrationUuid) => ({ migrationUuid, host }));
}

/** What was read; of one host in the order of the question. */
export function snapshotsOf(read: ReadonlyMap<string, AgedProgress>): readonly MigrationProgress[] {
  return [...read.values()].map(({ snapshot }) => snapshot);
}

/** A snapshot from a few words, with numbers beyond 32 bits. */
export function snapshotOf(
  migrationUuid: string,
  sequence: number,
  wish: Partial<MigrationProgress> = {},
): MigrationProgress {
  return {
    migrationUuid,
    sequence,
    observedAtMs: 1_700_000_000_000 + sequence,
    phase: "pre-copy",
    elapsedMs: sequence * 500,
    memoryTotalBytes: 1_099_511_627_776,
    memoryProcessedBytes: sequence,
    memoryRemainingBytes: 1_099_511_627_776 - sequence,
    memoryBytesPerSecond: 117_440_512,
    dirtyBytesPerSecond: 4096,
    iteration: 1,
    diskTotalBytes: 0,
    diskProcessedBytes: 0,
    diskRemainingBytes: 0,
    expectedDowntimeMs: 300,
    downtimeLimitMs: 500,
    autoConvergeThrottlePercent: 0,
    downtimeMs: null,
    ...wish,
  };
}
