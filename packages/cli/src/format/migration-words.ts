import type { MigrationView } from "@drover/api-client";
import { type MigrationState, memoryPercent, SHOWN_STATUS } from "@drover/model";
import { formatDuration } from "./quantity.ts";

/** Where Nova's status word hides what an operator must see, the true state is said beside it. */
const SAID_BESIDE: Partial<Record<MigrationState, string>> = {
  "post-copy-paused": "running (post-copy, link broken)",
  "rolling-back": "rolling back",
  unknown: "running (contact lost)",
};

/** The state for people. */
export function stateWords(state: MigrationState): string {
  return SAID_BESIDE[state] ?? SHOWN_STATUS[state];
}

/** `host-1 -> host-2`; a destination that is not chosen yet is `?`. */
export function routeWords({ sourceHost, destinationHost, requestedHost }: MigrationView): string {
  return `${sourceHost} -> ${destinationHost ?? requestedHost ?? "?"}`;
}

/** `2 of 5 to leave host-1`; empty when it is not queued. */
export function placeWords({ queue, sourceHost }: MigrationView): string {
  return queue === null ? "" : `${queue.position} of ${queue.length} to leave ${sourceHost}`;
}

/** Whole percent of memory that need not be sent again; 100 when the guest has arrived. */
export function percentDone({ state, progress }: MigrationView): number {
  if (state === "completed" || state === "post-migrating") return 100;
  return progress === null ? 0 : memoryPercent(progress);
}

/** How long it took, or has taken so far; empty before it started. */
export function durationWords({ startedAt, endedAt }: MigrationView, now: Date): string {
  if (startedAt === null) return "";
  return formatDuration((endedAt === null ? now.getTime() : Date.parse(endedAt)) - Date.parse(startedAt));
}

/** How it ended, as one sentence that says where the server is. */
export function outcomeSentence(migration: MigrationView, now: Date): string {
  const { id, server, sourceHost, destinationHost, state, progress } = migration;
  const because = migration.reason ?? migration.failure?.message ?? "";
  const why = because === "" ? "" : `: ${because}`;
  switch (state) {
    case "completed": {
      const standstill = progress?.downtimeMs ?? null;
      const took = durationWords(migration, now);
      return [
        `${server.name} runs on ${destinationHost ?? "its destination"}; migration ${id} completed`,
        took === "" ? "" : ` in ${took}`,
        standstill === null ? "" : `, standstill ${formatDuration(standstill)}`,
      ].join("");
    }
    case "failed":
      return `migration ${id} of ${server.name} failed, the server stays on ${sourceHost}${why}`;
    case "cancelled":
      return `migration ${id} of ${server.name} was cancelled, the server stays on ${sourceHost}${why}`;
    case "error":
      return `migration ${id} of ${server.name} is in error and waits for a person${why}; see drover migration show ${id}`;
    default:
      return `migration ${id} of ${server.name} is ${stateWords(state)}`;
  }
}
