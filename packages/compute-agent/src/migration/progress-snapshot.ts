import type { JobStats } from "@drover/libvirt";
import type { MigrationProgress } from "@drover/model";
import { jobStanding } from "./job-reading.ts";

export interface SnapshotContext {
  readonly migrationUuid: string;
  readonly sequence: number;
  readonly observedAtMs: number;
  readonly downtimeLimitMs: number;
  readonly guest: "running" | "paused" | "post-copy";
}

// QEMU's target page; libvirt reports it since 5.6.0 (`memory_page_size`).
const DEFAULT_PAGE_SIZE_BYTES = 4096;

/** One reading of libvirt's job as everybody else sees it. What libvirt does not report counts as 0. */
export function progressSnapshot(stats: JobStats, context: SnapshotContext): MigrationProgress {
  const over = jobStanding(stats) === "completed";
  const pageSizeBytes = stats.memoryPageSizeBytes || DEFAULT_PAGE_SIZE_BYTES;
  return {
    migrationUuid: context.migrationUuid,
    sequence: context.sequence,
    observedAtMs: context.observedAtMs,
    phase: phaseOf(stats, context),
    elapsedMs: stats.elapsedMs ?? 0,
    memoryTotalBytes: stats.memoryTotalBytes ?? 0,
    memoryProcessedBytes: stats.memoryProcessedBytes ?? 0,
    memoryRemainingBytes: over ? 0 : (stats.memoryRemainingBytes ?? 0),
    memoryBytesPerSecond: stats.memoryBytesPerSecond ?? 0,
    dirtyBytesPerSecond: (stats.memoryDirtyPagesPerSecond ?? 0) * pageSizeBytes,
    iteration: stats.memoryIteration ?? 0,
    diskTotalBytes: stats.diskTotalBytes ?? 0,
    diskProcessedBytes: stats.diskProcessedBytes ?? 0,
    diskRemainingBytes: over ? 0 : (stats.diskRemainingBytes ?? 0),
    expectedDowntimeMs: over ? 0 : (stats.downtimeMs ?? 0),
    downtimeLimitMs: context.downtimeLimitMs,
    autoConvergeThrottlePercent: stats.autoConvergeThrottlePercent ?? 0,
    downtimeMs: over ? (stats.downtimeMs ?? null) : null,
  };
}

function phaseOf(stats: JobStats, { guest }: SnapshotContext): MigrationProgress["phase"] {
  if (jobStanding(stats) === "completed") return "completed";
  if (guest === "post-copy") return "post-copy";
  if (guest === "paused") return "paused";
  return (stats.memoryTotalBytes ?? 0) === 0 ? "setup" : "pre-copy";
}
