import { type MigrationPolicy, migrationSizeGiB, type PolicyStep } from "@drover/model";

export interface ScheduleFacts {
  /** libvirt's own time since the copy began, ms: it survives a restart of the agent. */
  readonly elapsedMs: number;
  readonly memoryKiB: number;
  /** Over how many passes the copy made no headway: see `stall.ts`. */
  readonly stalledIterations: number;
  /** How many steps are behind, done or passed over. */
  readonly stepsTaken: number;
  /** The guest was suspended or moved, or the copy is being aborted: nothing of the schedule is to be done any more. */
  readonly settled: boolean;
}

export interface DueStep {
  readonly step: PolicyStep;
  /** From 1. */
  readonly number: number;
  /** Why now, for people. */
  readonly because: string;
}

/**
 * The schedule's next step, if it is due: they are taken in their order, each once. A step without a condition is due as
 * soon as the one before is behind.
 *
 * Worked example: [downtime 500 when stalled for 5 passes, post-copy when stalled for 5, abort]: after five passes without
 * headway 500 ms are allowed, after five more post-copy, and where that is not permitted the abort follows at once.
 */
export function dueStep({ schedule }: Pick<MigrationPolicy, "schedule">, facts: ScheduleFacts): DueStep | undefined {
  const step = facts.settled ? undefined : schedule[facts.stepsTaken];
  if (step === undefined) return undefined;
  const because = reasonFor(step, facts);
  return because === undefined ? undefined : { step, number: facts.stepsTaken + 1, because };
}

function reasonFor({ afterSPerGiB, stalledIterations }: PolicyStep, facts: ScheduleFacts): string | undefined {
  if (afterSPerGiB === null && stalledIterations === null) return "the step before it is behind";
  if (stalledIterations !== null && facts.stalledIterations >= stalledIterations) {
    return `no headway over ${facts.stalledIterations} passes`;
  }
  if (afterSPerGiB === null) return undefined;
  const dueMs = afterSPerGiB * migrationSizeGiB(facts.memoryKiB) * 1000;
  return facts.elapsedMs >= dueMs ? `${Math.round(facts.elapsedMs / 1000)} s have passed` : undefined;
}
