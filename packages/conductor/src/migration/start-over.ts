import type { Migration } from "@drover/model";

/** A start that the agent took in its last moment shows on the destination within this, ms. */
const BEGINS_WITHIN_MS = 60_000;

/**
 * True for a copy that is not going to begin any more, although nobody says so: the source's agent never reported
 * anything of it, and drops a start command whose time has passed. A copy that it began all the same, and could not
 * report, is seen on the destination by now.
 */
export function isStartOver({ agentSequence, outputs: { move } }: Migration, now: Date): boolean {
  return agentSequence === 0 && move !== undefined && now.getTime() > move.notAfterMs + BEGINS_WITHIN_MS;
}
