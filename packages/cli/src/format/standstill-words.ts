import type { MigrationView } from "@drover/api-client";
import { formatDuration } from "./quantity.ts";

/** What a force-complete costs the server, before it is asked for. */
export function standstillWords(
  { method: usual, pauseMs }: NonNullable<MigrationView["expectedStandstill"]>,
  method: "pause" | "post-copy" | null = null,
): string {
  if ((method ?? usual) === "post-copy") {
    return "by post-copy: it stands still only while it is switched over, and is slower until its memory has followed";
  }
  const standstill = pauseMs === null ? "it is not known how long" : `about ${formatDuration(pauseMs)}`;
  return `by pausing: the server stands still until its memory has arrived, ${standstill}`;
}
