import type { TypedParam } from "./procedures/shared-structures.ts";
import { booleanParam, numberParam, stringParam } from "./typed-params.ts";

/** virDomainJobType, in its order. */
const jobTypes = ["none", "bounded", "unbounded", "completed", "failed", "cancelled"] as const;
export type JobType = (typeof jobTypes)[number];

/** virDomainJobOperation (3.3.0), in its order. */
const jobOperations = [
  "unknown",
  "start",
  "save",
  "restore",
  "migration-in",
  "migration-out",
  "snapshot",
  "snapshot-revert",
  "dump",
  "backup",
  "snapshot-delete",
] as const;
export type JobOperation = (typeof jobOperations)[number];

/**
 * What libvirt says about a domain's job. A number that libvirt did not report, or that a JavaScript number cannot hold
 * exactly, is undefined. In the first seconds of a migration, while the destination's QEMU starts, the type is
 * `unbounded` and there are no memory numbers: that is no stall.
 *
 * Names and units as at VIR_DOMAIN_JOB_… in libvirt-domain.h, 9.0.0.
 */
export interface JobStats {
  /** Undefined in a job-completed event, which libvirt sends without it. */
  readonly type: JobType | undefined;
  readonly operation: JobOperation;
  readonly elapsedMs: number | undefined;
  /** Without the time to open connections; for completed jobs only. */
  readonly elapsedNetMs: number | undefined;
  readonly remainingMs: number | undefined;
  /** Expected while it runs, measured once it is over. */
  readonly downtimeMs: number | undefined;
  readonly downtimeNetMs: number | undefined;
  readonly setupMs: number | undefined;
  readonly dataTotalBytes: number | undefined;
  readonly dataProcessedBytes: number | undefined;
  readonly dataRemainingBytes: number | undefined;
  readonly memoryTotalBytes: number | undefined;
  readonly memoryProcessedBytes: number | undefined;
  readonly memoryRemainingBytes: number | undefined;
  /** Pages of one repeated byte, sent as such. */
  readonly memoryConstantPages: number | undefined;
  readonly memoryNormalPages: number | undefined;
  readonly memoryNormalBytes: number | undefined;
  readonly memoryBytesPerSecond: number | undefined;
  readonly memoryDirtyPagesPerSecond: number | undefined;
  readonly memoryPageSizeBytes: number | undefined;
  readonly memoryIteration: number | undefined;
  readonly memoryPostcopyRequests: number | undefined;
  readonly diskTotalBytes: number | undefined;
  readonly diskProcessedBytes: number | undefined;
  readonly diskRemainingBytes: number | undefined;
  readonly diskBytesPerSecond: number | undefined;
  readonly compressionCacheBytes: number | undefined;
  readonly compressionBytes: number | undefined;
  readonly compressionPages: number | undefined;
  readonly compressionCacheMisses: number | undefined;
  readonly compressionOverflow: number | undefined;
  readonly autoConvergeThrottlePercent: number | undefined;
  /** Of a completed backup job (6.0.0); migrations do not have it. */
  readonly success: boolean | undefined;
  /** Why a completed backup job failed (6.3.0). */
  readonly errorText: string | undefined;
}

/** Reads the typed parameters of job stats. `type` is the number that came beside them; there is none in events. */
export function decodeJobStats(type: number | undefined, params: readonly TypedParam[]): JobStats {
  const number = (field: string) => numberParam(params, field);
  return {
    type: type === undefined ? undefined : jobTypes[type],
    operation: jobOperations[number("operation") ?? 0] ?? "unknown",
    elapsedMs: number("time_elapsed"),
    elapsedNetMs: number("time_elapsed_net"),
    remainingMs: number("time_remaining"),
    downtimeMs: number("downtime"),
    downtimeNetMs: number("downtime_net"),
    setupMs: number("setup_time"),
    dataTotalBytes: number("data_total"),
    dataProcessedBytes: number("data_processed"),
    dataRemainingBytes: number("data_remaining"),
    memoryTotalBytes: number("memory_total"),
    memoryProcessedBytes: number("memory_processed"),
    memoryRemainingBytes: number("memory_remaining"),
    memoryConstantPages: number("memory_constant"),
    memoryNormalPages: number("memory_normal"),
    memoryNormalBytes: number("memory_normal_bytes"),
    memoryBytesPerSecond: number("memory_bps"),
    memoryDirtyPagesPerSecond: number("memory_dirty_rate"),
    memoryPageSizeBytes: number("memory_page_size"),
    memoryIteration: number("memory_iteration"),
    memoryPostcopyRequests: number("memory_postcopy_requests"),
    diskTotalBytes: number("disk_total"),
    diskProcessedBytes: number("disk_processed"),
    diskRemainingBytes: number("disk_remaining"),
    diskBytesPerSecond: number("disk_bps"),
    compressionCacheBytes: number("compression_cache"),
    compressionBytes: number("compression_bytes"),
    compressionPages: number("compression_pages"),
    compressionCacheMisses: number("compression_cache_misses"),
    compressionOverflow: number("compression_overflow"),
    autoConvergeThrottlePercent: number("auto_converge_throttle"),
    success: booleanParam(params, "success"),
    errorText: stringParam(params, "errmsg"),
  };
}
