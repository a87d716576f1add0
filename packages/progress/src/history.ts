import { type MigrationProgress, type ProgressPoint, progressPoint } from "@drover/model";

/** A history that has so many points loses every second one, and takes half as many from then on. */
export const HISTORY_POINTS = 240;
/** Between the points of a history that never was full, ms. */
const FIRST_SPACING_MS = 1000;

/** When the next point of a history is due, by the writer's clock, and how far apart its points are. */
export interface HistoryPace {
  readonly nextPointAtMs: number;
  readonly pointEveryMs: number;
}

/**
 * The first point is due at once. Who takes up a copy that has run for `elapsedMs` goes on at the pace that its history has by then:
 * a faster one would fill it up, and thin out what was before.
 */
export function beginningPace(nowMs: number, elapsedMs: number): HistoryPace {
  let pointEveryMs = FIRST_SPACING_MS;
  while (elapsedMs >= HISTORY_POINTS * pointEveryMs) pointEveryMs *= 2;
  return { nextPointAtMs: nowMs, pointEveryMs };
}

/** After a point that was due: one that came late puts off the next, and is not made up for. */
export function afterPoint({ nextPointAtMs, pointEveryMs }: HistoryPace, nowMs: number): HistoryPace {
  const onTimeMs = nextPointAtMs + pointEveryMs;
  return { pointEveryMs, nextPointAtMs: onTimeMs > nowMs ? onTimeMs : nowMs + pointEveryMs };
}

/** After a history has lost every second point. */
export function wider({ nextPointAtMs, pointEveryMs }: HistoryPace): HistoryPace {
  return { nextPointAtMs, pointEveryMs: 2 * pointEveryMs };
}

/** Up to the newest numbers: the last point of a history is as old as its points are far apart. */
export function upToNewest(
  points: readonly ProgressPoint[],
  newest: MigrationProgress | null | undefined,
): readonly ProgressPoint[] {
  const last = points.at(-1);
  if (newest == null || (last !== undefined && last.observedAtMs >= newest.observedAtMs)) return points;
  return [...points, progressPoint(newest)];
}

/** At most so many of the points, evenly chosen: the first and the last are among them. */
export function thinHistory(points: readonly ProgressPoint[], most: number): readonly ProgressPoint[] {
  if (points.length <= most) return points;
  const chosen = Array.from({ length: most }, (_, n) => Math.round((n * (points.length - 1)) / (most - 1)));
  return points.filter((_, at) => chosen.includes(at));
}
