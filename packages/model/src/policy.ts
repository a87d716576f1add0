import type { PolicyStep } from "./policy-step.ts";

/** How memory may be compressed on its way. `auto` leaves it to the agent, which compresses where it helps. */
export const COMPRESSIONS = ["auto", "none", "xbzrle", "zstd"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** What the guest's copy may cost and what happens when it takes too long. Names and defaults are Nova's (`[libvirt]`). */
export interface MigrationPolicy {
  /** Longest standstill allowed at switch-over, ms. @default 500 */
  readonly downtimeMs: number;
  /** Steps in which `downtimeMs` is reached. @default 10 */
  readonly downtimeSteps: number;
  /** Seconds between two steps, per GiB of guest memory (at least 2 GiB are counted). @default 75 */
  readonly downtimeDelaySPerGiB: number;
  /** Upper bound for the copy, MiB/s; 0 leaves it to libvirt. @default 0 */
  readonly bandwidthMiBps: number;
  /** Time limit of the copy, seconds per GiB (at least 2 GiB are counted); 0 is none. @default 800 */
  readonly completionTimeoutSPerGiB: number;
  /** What is done when the limit passes. @default "abort" */
  readonly timeoutAction: "abort" | "force-complete";
  /** The guest may be switched to post-copy by a force-complete. Fixed when the copy starts. @default false */
  readonly permitPostCopy: boolean;
  /** The guest's processors may be slowed so that it converges. Fixed when the copy starts. @default true */
  readonly permitAutoConverge: boolean;
  /** How much they are slowed first, per cent. Fixed when the copy starts. @default 20 */
  readonly autoConvergeInitialPercent: number;
  /** What each further slow-down adds, percentage points. Fixed when the copy starts. @default 10 */
  readonly autoConvergeIncrementPercent: number;
  /** Sockets that memory is sent over (multifd); 1 is the ordinary copy. Fixed when the copy starts. @default 1 */
  readonly parallelConnections: number;
  /**
   * `xbzrle` sends what changed of a page that was sent before, `zstd` compresses what each of several sockets sends, `auto`
   * is xbzrle where `bandwidthMiBps` is low. Fixed when the copy starts. @default "auto"
   */
  readonly compression: Compression;
  /** So often a post-copy whose link broke is resumed without a person; 0 waits for one. @default 3 */
  readonly postCopyResumeAttempts: number;
  /** What is done while the copy runs, beside the downtime steps and the time limit. */
  readonly schedule: readonly PolicyStep[];
}

export const defaultPolicy: MigrationPolicy = {
  downtimeMs: 500,
  downtimeSteps: 10,
  downtimeDelaySPerGiB: 75,
  bandwidthMiBps: 0,
  completionTimeoutSPerGiB: 800,
  timeoutAction: "abort",
  permitPostCopy: false,
  permitAutoConverge: true,
  autoConvergeInitialPercent: 20,
  autoConvergeIncrementPercent: 10,
  parallelConnections: 1,
  compression: "auto",
  postCopyResumeAttempts: 3,
  // A copy that stalls gets the standstill that is allowed anyway, without waiting for the clock.
  schedule: [{ do: "downtime", downtimeMs: null, bandwidthMiBps: null, afterSPerGiB: null, stalledIterations: 5 }],
};

/**
 * The size that time limits are scaled by, GiB: guest memory, at least 2.
 * Formula: Nova's `_live_migration_data_gb` (nova/virt/libvirt/driver.py), without its disk term.
 */
export function migrationSizeGiB(memoryKiB: number): number {
  return Math.max(2, memoryKiB / 1024 / 1024);
}

/** When the policy's action is due, ms after the copy began; `undefined` when there is no limit. A 4 GiB guest: 3,200,000. */
export function completionTimeoutMs(policy: MigrationPolicy, memoryKiB: number): number | undefined {
  if (policy.completionTimeoutSPerGiB === 0) return undefined;
  return Math.floor(policy.completionTimeoutSPerGiB * migrationSizeGiB(memoryKiB)) * 1000;
}
