import type { ProgressHistoryView } from "@drover/api-client";
import { formatBytes, formatDuration, formatRate } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover migration history` for people: a line for each point, and what is missing. */
export function historyTable({ points, missing }: ProgressHistoryView): string {
  const table = formatTable(
    ["ELAPSED", "PHASE", "MEMORY LEFT", "DISK LEFT", "SENT", "DIRTIED", "PASS", "STANDSTILL", "ALLOWED", "SLOWED"],
    points.map((point) => [
      formatDuration(point.elapsedMs),
      point.phase,
      formatBytes(point.memoryRemainingBytes),
      point.diskProcessedBytes + point.diskRemainingBytes === 0 ? "" : formatBytes(point.diskRemainingBytes),
      formatRate(point.memoryBytesPerSecond),
      formatRate(point.dirtyBytesPerSecond),
      String(point.iteration),
      formatDuration(point.expectedDowntimeMs),
      formatDuration(point.downtimeLimitMs),
      `${point.autoConvergeThrottlePercent} %`,
    ]),
  );
  if (missing === null) return table;
  return points.length === 0 ? `No history: ${missing}.\n` : `${table}Only the last numbers: ${missing}.\n`;
}
