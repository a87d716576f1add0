import { defaultPolicy, type MigrationPolicy } from "@drover/model";
import { z } from "zod";

/** `[conductor]`. */
export const conductorConfig = z.object({
  max_concurrent_live_migrations: z
    .int()
    .min(1)
    .default(2)
    .describe(
      "Live migrations that leave one host at the same time, where an operator has set no other number for it; more wait as `queued`.",
    ),
  max_concurrent_incoming_migrations: z
    .int()
    .min(1)
    .default(4)
    .describe(
      "Live migrations that one host takes in at the same time, where an operator has set no other number for it.",
    ),
  max_concurrent_migrations: z.int().min(1).default(1000).describe("Live migrations under way in the whole fleet."),
  agent_silence_s: z
    .number()
    .positive()
    .default(60)
    .describe(
      "A running migration whose source agent was not heard of for this long is `unknown` until both hosts were asked.",
    ),
  start_timeout_s: z
    .number()
    .positive()
    .default(60)
    .describe("A copy that the source agent has not begun by then is not begun any more."),
});

export type ConductorConfig = z.infer<typeof conductorConfig>;

/** `[policy]`: what a copy may cost when the request says nothing else. The names are Nova's. */
export const policyConfig = z.object({
  live_migration_downtime: z
    .int()
    .min(100)
    .default(defaultPolicy.downtimeMs)
    .describe("Longest standstill at the switch-over, ms."),
  live_migration_downtime_steps: z
    .int()
    .min(3)
    .max(100)
    .default(defaultPolicy.downtimeSteps)
    .describe("Steps in which that standstill is reached."),
  live_migration_downtime_delay: z
    .int()
    .min(3)
    .default(defaultPolicy.downtimeDelaySPerGiB)
    .describe("Seconds between two steps, per GiB of guest memory."),
  live_migration_bandwidth: z
    .int()
    .min(0)
    .default(defaultPolicy.bandwidthMiBps)
    .describe("Upper bound of the copy, MiB/s; 0 leaves it to libvirt."),
  live_migration_completion_timeout: z
    .int()
    .min(0)
    .default(defaultPolicy.completionTimeoutSPerGiB)
    .describe("Time limit of the copy, seconds per GiB of guest memory; 0 is none."),
  live_migration_timeout_action: z
    .enum(["abort", "force_complete"])
    .default("abort")
    .describe("What is done when the time limit passes."),
  live_migration_permit_post_copy: z
    .boolean()
    .default(defaultPolicy.permitPostCopy)
    .describe("A force-complete may switch the guest to post-copy instead of suspending it."),
  live_migration_permit_auto_converge: z
    .boolean()
    .default(defaultPolicy.permitAutoConverge)
    .describe("The guest's processors may be slowed so that the copy converges."),
});

/** The policy that a migration is recorded with. */
export function policyFrom(config: z.infer<typeof policyConfig>): MigrationPolicy {
  return {
    downtimeMs: config.live_migration_downtime,
    downtimeSteps: config.live_migration_downtime_steps,
    downtimeDelaySPerGiB: config.live_migration_downtime_delay,
    bandwidthMiBps: config.live_migration_bandwidth,
    completionTimeoutSPerGiB: config.live_migration_completion_timeout,
    timeoutAction: config.live_migration_timeout_action === "abort" ? "abort" : "force-complete",
    permitPostCopy: config.live_migration_permit_post_copy,
    permitAutoConverge: config.live_migration_permit_auto_converge,
  };
}
