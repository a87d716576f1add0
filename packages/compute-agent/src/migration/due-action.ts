import { completionTimeoutMs, type MigrationPolicy } from "@drover/model";

export interface CopyFacts {
  /** libvirt's own time since the copy began, ms: it survives a restart of the agent. */
  readonly elapsedMs: number;
  readonly memoryKiB: number;
  /** The guest already runs on the destination. */
  readonly postCopy: boolean;
  /** The action was taken before, by the limit or by a person; or refused, and is not to be tried again yet. */
  readonly acted: boolean;
}

/**
 * What the policy's time limit asks for now: nothing, or its action. Once, unless libvirt refuses it: Nova's
 * `should_trigger_timeout_action` (nova/virt/libvirt/migration.py) fires on every poll after the limit, which repeats
 * a suspend or an abort that is already under way. Never in post-copy, where neither can be done.
 *
 * Worked example: the default policy (800 s per GiB, abort) and a guest of 4 GiB: "abort" from 3200 s on.
 */
export function dueAction(policy: MigrationPolicy, facts: CopyFacts): "none" | MigrationPolicy["timeoutAction"] {
  const limitMs = completionTimeoutMs(policy, facts.memoryKiB);
  if (limitMs === undefined || facts.postCopy || facts.acted || facts.elapsedMs < limitMs) return "none";
  return policy.timeoutAction;
}
