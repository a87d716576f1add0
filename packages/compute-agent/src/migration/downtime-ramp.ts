import { type MigrationPolicy, migrationSizeGiB } from "@drover/model";

/** From `afterMs` into the copy a standstill of `downtimeMs` is allowed at switch-over. */
export interface DowntimeStep {
  readonly afterMs: number;
  readonly downtimeMs: number;
}

/**
 * The allowed standstill over time: it starts small, so that a guest that converges easily hardly notices, and grows
 * evenly to the policy's limit, so that a busy one arrives at all.
 *
 * Worked example, the default policy (500 ms, 10 steps, 75 s per GiB) and a guest of 4 GiB: steps 300 s apart,
 * 50 ms at once, 95 ms after 300 s, 140 ms after 600 s, … 500 ms after 3000 s. A guest below 2 GiB counts as 2 GiB.
 *
 * Formula: Nova's `downtime_steps` (nova/virt/libvirt/migration.py): base = limit / steps,
 * increment = (limit - base) / steps, step i is due at i * delay; steps + 1 entries.
 */
export function downtimeRamp(policy: MigrationPolicy, memoryKiB: number): readonly DowntimeStep[] {
  const delayMs = Math.floor(policy.downtimeDelaySPerGiB * migrationSizeGiB(memoryKiB)) * 1000;
  const baseMs = policy.downtimeMs / policy.downtimeSteps;
  const incrementMs = (policy.downtimeMs - baseMs) / policy.downtimeSteps;
  return Array.from({ length: policy.downtimeSteps + 1 }, (_, index) => ({
    afterMs: delayMs * index,
    // libvirt refuses 0; a policy of 1 ms in many steps rounds down to it.
    downtimeMs: Math.max(1, Math.floor(baseMs + incrementMs * index)),
  }));
}

/** The standstill allowed `elapsedMs` after the copy began, ms. */
export function downtimeAt(ramp: readonly DowntimeStep[], elapsedMs: number): number {
  const due = ramp.findLast((step) => step.afterMs <= elapsedMs) ?? ramp[0];
  if (due === undefined) throw new RangeError("a downtime ramp has at least one step");
  return due.downtimeMs;
}
