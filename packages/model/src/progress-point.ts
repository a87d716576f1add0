import type { MigrationProgress } from "./progress.ts";

/** What a chart of a copy is drawn from: the numbers of a snapshot that change while it lasts. Units as there. */
export type ProgressPoint = Pick<
  MigrationProgress,
  | "observedAtMs"
  | "elapsedMs"
  | "phase"
  | "memoryProcessedBytes"
  | "memoryRemainingBytes"
  | "memoryBytesPerSecond"
  | "dirtyBytesPerSecond"
  | "iteration"
  | "diskProcessedBytes"
  | "diskRemainingBytes"
  | "expectedDowntimeMs"
  | "downtimeLimitMs"
  | "autoConvergeThrottlePercent"
>;

export function progressPoint(progress: ProgressPoint): ProgressPoint {
  const { observedAtMs, elapsedMs, phase, iteration, autoConvergeThrottlePercent } = progress;
  const { memoryProcessedBytes, memoryRemainingBytes, memoryBytesPerSecond, dirtyBytesPerSecond } = progress;
  const { diskProcessedBytes, diskRemainingBytes, expectedDowntimeMs, downtimeLimitMs } = progress;
  return {
    ...{ observedAtMs, elapsedMs, phase, memoryProcessedBytes, memoryRemainingBytes, memoryBytesPerSecond },
    ...{ dirtyBytesPerSecond, iteration, diskProcessedBytes, diskRemainingBytes },
    ...{ expectedDowntimeMs, downtimeLimitMs, autoConvergeThrottlePercent },
  };
}
