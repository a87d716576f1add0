import type { ParkedView } from "@drover/api-client";
import { formatDuration } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover bus parked` for people. */
export function parkedTable(parked: readonly ParkedView[], now: Date): string {
  if (parked.length === 0) return "Nothing is parked.\n";
  return formatTable(
    ["ID", "QUEUE", "METHOD", "TRIES", "PARKED", "REASON"],
    parked.map(({ id, queue, method, tries, parkedAt, reason }) => [
      id,
      queue,
      method ?? "unreadable",
      String(tries),
      `${formatDuration(now.getTime() - Date.parse(parkedAt))} ago`,
      `${reason.code}: ${reason.message}`,
    ]),
  );
}
