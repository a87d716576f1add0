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

/**
 * The place of each number in the text of a point, which is a JSON array: a public layout of the progress cache, and how a history is stored. More may
 * be added at the end.
 */
const FIELDS = [
  "observedAtMs",
  "elapsedMs",
  "phase",
  "memoryProcessedBytes",
  "memoryRemainingBytes",
  "memoryBytesPerSecond",
  "dirtyBytesPerSecond",
  "iteration",
  "diskProcessedBytes",
  "diskRemainingBytes",
  "expectedDowntimeMs",
  "downtimeLimitMs",
  "autoConvergeThrottlePercent",
] as const satisfies readonly (keyof ProgressPoint)[];

export function pointText(point: ProgressPoint): string {
  return JSON.stringify(FIELDS.map((field) => point[field]));
}

/** `undefined` for what is no point. */
export function pointFromText(text: string): ProgressPoint | undefined {
  try {
    const values: unknown = JSON.parse(text);
    if (!Array.isArray(values) || !FIELDS.every((field, at) => isOf(field, values[at]))) return undefined;
    return Object.fromEntries(FIELDS.map((field, at) => [field, values[at]])) as unknown as ProgressPoint;
  } catch {
    return undefined;
  }
}

function isOf(field: keyof ProgressPoint, value: unknown): boolean {
  return field === "phase" ? typeof value === "string" : Number.isFinite(value);
}
