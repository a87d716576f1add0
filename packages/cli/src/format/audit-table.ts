import type { AuditView } from "@drover/api-client";
import { formatTable } from "./table.ts";

/** `drover audit` for people: the oldest first, as one reads. */
export function auditTable(entries: readonly AuditView[]): string {
  if (entries.length === 0) return "Nothing is in the audit that fits.\n";
  return formatTable(
    ["ID", "WHEN", "WHO", "FROM", "WHAT", "ABOUT", "OUTCOME", "REQUEST"],
    entries
      .toReversed()
      .map((entry) => [
        String(entry.id),
        entry.at,
        entry.userId ?? "nobody known",
        entry.remoteAddress ?? `bus: ${entry.sender ?? "not vouched for"}`,
        entry.action,
        entry.resource ?? "",
        outcomeWords(entry),
        entry.requestId,
      ]),
  );
}

function outcomeWords({ outcome, message, times }: AuditView): string {
  const words = outcome === null ? "not known" : message === null ? outcome : `${outcome}: ${message}`;
  return times === 1 ? words : `${words} (${times} times)`;
}
