import { type MigrationProgress, type ProgressPoint, progressPoint } from "@drover/model";

/** A history that has so many points loses every second one, and takes half as many from then on. */
export const HISTORY_POINTS = 240;
/** Between the points of a history that never was full, ms. */
export const FIRST_SPACING_MS = 1000;

/** When the next point of a history is due, by the cache's clock, and how far apart its points are. */
export interface HistoryPace {
  readonly nextPointAtMs: number;
  readonly pointEveryMs: number;
}

/**
 * The place of each number in the text of a point, which is a JSON array: a public layout, as the README has it. More may
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
    if (!Array.isArray(values) || values.length < FIELDS.length || typeof values[0] !== "number") return undefined;
    return Object.fromEntries(FIELDS.map((field, at) => [field, values[at]])) as unknown as ProgressPoint;
  } catch {
    return undefined;
  }
}

/** Up to the newest numbers: the last point of a history is as old as its points are far apart. */
export function upToNewest(
  points: readonly ProgressPoint[],
  newest: MigrationProgress | undefined,
): readonly ProgressPoint[] {
  const last = points.at(-1);
  if (newest === undefined || (last !== undefined && last.observedAtMs >= newest.observedAtMs)) return points;
  return [...points, progressPoint(newest)];
}
