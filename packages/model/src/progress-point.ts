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
    if (!Array.isArray(values)) return undefined;
    const point: MaybePoint = Object.fromEntries(FIELDS.map((field, at) => [field, values[at]]));
    return isPoint(point) ? point : undefined;
  } catch {
    return undefined;
  }
}

type MaybePoint = Partial<Record<keyof ProgressPoint, unknown>>;

function isPoint(point: MaybePoint): point is ProgressPoint {
  return FIELDS.every((field) =>
    field === "phase" ? typeof point[field] === "string" : Number.isFinite(point[field]),
  );
}
