import type { JobStats } from "@drover/libvirt";
import type { MigrationNumbers } from "@drover/model";

// QEMU's target page; libvirt reports it since 5.6.0 (`memory_page_size`).
const DEFAULT_PAGE_SIZE_BYTES = 4096;

/** libvirt's numbers that a decision is taken on, under the names of progress; what is not known counts as 0. */
export function decisionNumbers(
  stats: JobStats,
  own: { readonly downtimeLimitMs: number; readonly stalledIterations: number },
): MigrationNumbers {
  const pageSizeBytes = stats.memoryPageSizeBytes || DEFAULT_PAGE_SIZE_BYTES;
  return {
    elapsedMs: stats.elapsedMs ?? 0,
    iteration: stats.memoryIteration ?? 0,
    stalledIterations: own.stalledIterations,
    memoryRemainingBytes: stats.memoryRemainingBytes ?? 0,
    memoryBytesPerSecond: stats.memoryBytesPerSecond ?? 0,
    dirtyBytesPerSecond: (stats.memoryDirtyPagesPerSecond ?? 0) * pageSizeBytes,
    expectedDowntimeMs: stats.downtimeMs ?? 0,
    downtimeLimitMs: own.downtimeLimitMs,
    autoConvergeThrottlePercent: stats.autoConvergeThrottlePercent ?? 0,
  };
}
