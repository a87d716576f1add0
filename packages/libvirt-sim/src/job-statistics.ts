import { type TypedParam, VIR_DOMAIN_JOB_OPERATION } from "@drover/libvirt";
import { type CopyConditions, type CopyState, expectedDowntimeMs, transferredBytes } from "./copy-model.ts";
import { PAGE_BYTES } from "./memory-load.ts";

/** A migration job's figures at one moment; bytes unless said otherwise. */
export interface JobFigures {
  readonly elapsedMs: number;
  /** Expected while it runs, real once it is over; null before QEMU has begun. */
  readonly downtimeMs: number | null;
  readonly setupMs: number | null;
  readonly memoryTotal: number;
  readonly memoryProcessed: number;
  readonly memoryRemaining: number;
  readonly bytesPerSecond: number;
  readonly constantPages: number;
  readonly normalPages: number;
  readonly dirtyPagesPerSecond: number;
  readonly iteration: number;
  readonly postCopyRequests: number;
  readonly throttlePercent: number;
  readonly diskTotal: number;
  readonly diskProcessed: number;
}

/** Before QEMU has begun every figure is zero and the job only shows how long it has lasted. */
export function idleFigures(elapsedMs: number): JobFigures {
  return {
    elapsedMs,
    downtimeMs: null,
    setupMs: null,
    memoryTotal: 0,
    memoryProcessed: 0,
    memoryRemaining: 0,
    bytesPerSecond: 0,
    constantPages: 0,
    normalPages: 0,
    dirtyPagesPerSecond: 0,
    iteration: 0,
    postCopyRequests: 0,
    throttlePercent: 0,
    diskTotal: 0,
    diskProcessed: 0,
  };
}

/** Figures of a copy under way. */
export function copyFigures(
  copy: CopyState,
  conditions: CopyConditions,
  job: { readonly elapsedMs: number; readonly setupMs: number; readonly totalPages: number },
): JobFigures {
  return {
    elapsedMs: job.elapsedMs,
    downtimeMs: expectedDowntimeMs(copy, conditions),
    setupMs: job.setupMs,
    memoryTotal: job.totalPages * PAGE_BYTES,
    memoryProcessed: transferredBytes(copy),
    memoryRemaining: Math.round(copy.normalLeft + copy.zeroLeft) * PAGE_BYTES,
    bytesPerSecond: conditions.bytesPerMs * 1000,
    constantPages: copy.zeroSent,
    normalPages: copy.normalSent,
    dirtyPagesPerSecond: copy.dirtyPagesPerSecond,
    iteration: copy.iteration,
    postCopyRequests: copy.postCopyRequests,
    throttlePercent: copy.throttlePercent,
    diskTotal: 0,
    diskProcessed: 0,
  };
}

/** Figures of a copy that is over: real downtime, nothing left. */
export function finalFigures(figures: JobFigures, elapsedMs: number, downtimeMs: number): JobFigures {
  return { ...figures, elapsedMs, downtimeMs, memoryRemaining: 0, dirtyPagesPerSecond: 0, throttlePercent: 0 };
}

/**
 * The figures as libvirtd answers them: the typed parameters of qemuDomainMigrationJobDataToParams, in its order and
 * with its conditions for leaving one out (libvirt 9.0). A completed job adds the net times, which need the clocks of
 * both hosts; on the destination it is the job of the guest coming in.
 */
export function jobParams(
  figures: JobFigures,
  { completed, operation }: { readonly completed: boolean; readonly operation: "in" | "out" },
): TypedParam[] {
  const { VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN, VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT } = VIR_DOMAIN_JOB_OPERATION;
  const begun = figures.downtimeMs !== null;
  return [
    int(
      "operation",
      operation === "in" ? VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN : VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT,
    ),
    ull("time_elapsed", figures.elapsedMs),
    ...(completed && figures.elapsedMs > 1 ? [ull("time_elapsed_net", figures.elapsedMs - 1)] : []),
    ...(figures.downtimeMs === null ? [] : [ull("downtime", figures.downtimeMs)]),
    ...(completed && (figures.downtimeMs ?? 0) > 1 ? [ull("downtime_net", (figures.downtimeMs ?? 0) - 1)] : []),
    ...(figures.setupMs === null ? [] : [ull("setup_time", figures.setupMs)]),
    ull("data_total", figures.memoryTotal + figures.diskTotal),
    ull("data_processed", figures.memoryProcessed + figures.diskProcessed),
    ull("data_remaining", figures.memoryRemaining + figures.diskTotal - figures.diskProcessed),
    ull("memory_total", figures.memoryTotal),
    ull("memory_processed", figures.memoryProcessed),
    ull("memory_remaining", figures.memoryRemaining),
    ...(figures.bytesPerSecond === 0 ? [] : [ull("memory_bps", figures.bytesPerSecond)]),
    ...(begun
      ? [
          ull("memory_constant", figures.constantPages),
          ull("memory_normal", figures.normalPages),
          ull("memory_normal_bytes", Math.round(figures.normalPages) * PAGE_BYTES),
        ]
      : []),
    ull("memory_dirty_rate", figures.dirtyPagesPerSecond),
    ull("memory_iteration", figures.iteration),
    ull("memory_postcopy_requests", figures.postCopyRequests),
    ...(begun ? [ull("memory_page_size", PAGE_BYTES)] : []),
    ull("disk_total", figures.diskTotal),
    ull("disk_processed", figures.diskProcessed),
    ull("disk_remaining", figures.diskTotal - figures.diskProcessed),
    ...(figures.throttlePercent === 0 ? [] : [int("auto_converge_throttle", figures.throttlePercent)]),
  ];
}

function int(field: string, value: number): TypedParam {
  return { field, value: { type: "int", value: Math.round(value) } };
}

function ull(field: string, value: number): TypedParam {
  return { field, value: { type: "ullong", value: BigInt(Math.max(0, Math.round(value))) } };
}
