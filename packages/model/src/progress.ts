/**
 * What is known of a running copy at one moment, from libvirt's job stats. Bytes and rates are numbers: they stay far
 * below 2^53. Worthless a minute later; the newest wins.
 */
export interface MigrationProgress {
  readonly migrationUuid: string;
  /** The agent's own counter for this migration; larger is newer, also across a restart of the agent. */
  readonly sequence: number;
  /** The agent's clock, ms since 1970. */
  readonly observedAtMs: number;
  readonly phase: "setup" | "pre-copy" | "post-copy" | "paused" | "completed";
  readonly elapsedMs: number;
  readonly memoryTotalBytes: number;
  readonly memoryProcessedBytes: number;
  readonly memoryRemainingBytes: number;
  /** Bytes per second over the wire, as QEMU reports it. */
  readonly memoryBytesPerSecond: number;
  /** Bytes per second that the guest dirties: pages per second times page size. */
  readonly dirtyBytesPerSecond: number;
  /** Passes over memory, from 1 once copying. */
  readonly iteration: number;
  readonly diskTotalBytes: number;
  readonly diskProcessedBytes: number;
  readonly diskRemainingBytes: number;
  /** The standstill that QEMU expects for a switch-over now, ms. */
  readonly expectedDowntimeMs: number;
  /** The standstill allowed now, ms. */
  readonly downtimeLimitMs: number;
  /** How far auto-converge slows the guest, percent; 0 without. */
  readonly autoConvergeThrottlePercent: number;
  /** The standstill that happened, ms; only in the last snapshot of a migration that arrived. */
  readonly downtimeMs: number | null;
}

/** A snapshot, and how long ago it was taken in, ms, by the clock of whoever took it: no agent's clock has a part in that. */
export interface AgedProgress {
  readonly snapshot: MigrationProgress;
  readonly ageMs: number;
}

/** 0–100, whole percent of memory that need not be sent again; 100 when nothing remains. As Nova's `progress`. */
export function memoryPercent(progress: Pick<MigrationProgress, "memoryTotalBytes" | "memoryRemainingBytes">): number {
  if (progress.memoryTotalBytes === 0) return 0;
  return Math.max(0, Math.min(100, 100 - Math.ceil((progress.memoryRemainingBytes * 100) / progress.memoryTotalBytes)));
}
