/** What a policy may do while the copy runs. */
export const RUN_TIME_ACTIONS = ["downtime", "bandwidth", "post-copy", "pause", "abort"] as const;

export type RunTimeAction = (typeof RUN_TIME_ACTIONS)[number];

/**
 * One step of a policy's schedule: what is done, and when. Steps are taken in their order, each once. A step is due by
 * either of its conditions; one without any is due as soon as the step before it is behind. A step that cannot be done
 * (post-copy that the start did not permit) is passed over, and the next one is looked at.
 */
export interface PolicyStep {
  readonly do: RunTimeAction;
  /** Of `downtime`: the standstill allowed from now on, ms; null is the policy's `downtimeMs`. */
  readonly downtimeMs: number | null;
  /** Of `bandwidth`: the upper bound from now on, MiB/s; 0 leaves it to libvirt. */
  readonly bandwidthMiBps: number | null;
  /** Due so many seconds into the copy per GiB of guest memory (at least 2 GiB are counted). */
  readonly afterSPerGiB: number | null;
  /** Due when the copy made no headway over so many of its passes: see the agent's `stall.ts`. */
  readonly stalledIterations: number | null;
}

/** What is fixed when the copy starts: libvirt takes it with the start call and at no later time. */
const START_TIME_CHOICES: Readonly<Record<string, string>> = {
  "auto-converge": "permitAutoConverge",
  "permit-post-copy": "permitPostCopy",
  multifd: "parallelConnections",
  parallel: "parallelConnections",
  compression: "compression",
};

/** Why `action` is no step of a schedule: a sentence with the remedy; undefined when it is one. */
export function whyNoStep(action: unknown): string | undefined {
  if (RUN_TIME_ACTIONS.some((known) => known === action)) return undefined;
  const field = typeof action === "string" ? START_TIME_CHOICES[action] : undefined;
  return field === undefined
    ? `must be one of ${RUN_TIME_ACTIONS.join(", ")}`
    : `${action} is fixed when the copy starts and cannot be a step of it: set ${field} of the policy instead`;
}
