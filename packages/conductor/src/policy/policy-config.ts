import { migrationPolicy, type RequestedPolicy, stepAction } from "@drover/contracts";
import { COMPRESSIONS, defaultPolicy, type MigrationPolicy } from "@drover/model";
import { z } from "zod";

/** The keys of a policy under their names in the file: Nova's, where Nova has them. No defaults here. */
const keys = {
  live_migration_downtime: z.int().min(100).describe("Longest standstill at the switch-over, ms."),
  live_migration_downtime_steps: z.int().min(3).max(100).describe("Steps in which that standstill is reached."),
  live_migration_downtime_delay: z.int().min(3).describe("Seconds between two steps, per GiB of guest memory."),
  live_migration_bandwidth: z.int().min(0).describe("Upper bound of the copy, MiB/s; 0 leaves it to libvirt."),
  live_migration_completion_timeout: z
    .int()
    .min(0)
    .describe("Time limit of the copy, seconds per GiB of guest memory; 0 is none."),
  live_migration_timeout_action: z
    .enum(["abort", "force_complete"])
    .describe("What is done when the time limit passes."),
  live_migration_permit_post_copy: z
    .boolean()
    .describe("A force-complete may switch the guest to post-copy instead of suspending it."),
  live_migration_permit_auto_converge: z
    .boolean()
    .describe("The guest's processors may be slowed so that it converges. Nova's default is false; see ADR 21."),
  live_migration_auto_converge_initial: z.int().min(1).max(99).describe("How much they are slowed first, per cent."),
  live_migration_auto_converge_increment: z
    .int()
    .min(1)
    .max(99)
    .describe("What each further slow-down adds, percentage points."),
  live_migration_parallel_connections: z
    .int()
    .min(1)
    .max(255)
    .describe("Sockets that memory is sent over (multifd); 1 is the ordinary copy."),
  live_migration_compression: z
    .enum(COMPRESSIONS)
    .describe(
      "`xbzrle` sends what changed of a page that was sent before, `zstd` compresses what several sockets send (libvirt 9.4), " +
        "`auto` is xbzrle where the bandwidth is limited to 100 MiB/s or less, `none` is none.",
    ),
  live_migration_post_copy_resume_attempts: z
    .int()
    .min(0)
    .max(100)
    .describe("So often a post-copy whose link broke is resumed without a person; 0 waits for one."),
} as const;

const step = z.strictObject({
  do: stepAction,
  downtime: z.int().min(1).nullable().default(null),
  bandwidth: z.int().min(0).nullable().default(null),
  after: z.number().min(0).nullable().default(null),
  stalled_iterations: z.int().min(1).nullable().default(null),
});
const schedule = z.array(step).max(32);

const SCHEDULE_WORDS =
  'What is done while the copy runs, in this order, each once: `{ do = "post-copy", stalled_iterations = 5 }`. `do` is ' +
  "`downtime` (with `downtime`, ms), `bandwidth` (with `bandwidth`, MiB/s), `post-copy`, `pause` or `abort`; due after " +
  "`after` seconds per GiB, or `stalled_iterations` passes without headway, or as soon as the one before is behind.";

const part = z.strictObject({ ...keys, schedule }).partial();

/** `[policy]`: what a copy may cost when nothing more specific says else. */
export const policyConfig = z.object({
  live_migration_downtime: keys.live_migration_downtime.default(defaultPolicy.downtimeMs),
  live_migration_downtime_steps: keys.live_migration_downtime_steps.default(defaultPolicy.downtimeSteps),
  live_migration_downtime_delay: keys.live_migration_downtime_delay.default(defaultPolicy.downtimeDelaySPerGiB),
  live_migration_bandwidth: keys.live_migration_bandwidth.default(defaultPolicy.bandwidthMiBps),
  live_migration_completion_timeout: keys.live_migration_completion_timeout.default(
    defaultPolicy.completionTimeoutSPerGiB,
  ),
  live_migration_timeout_action: keys.live_migration_timeout_action.default("abort"),
  live_migration_permit_post_copy: keys.live_migration_permit_post_copy.default(defaultPolicy.permitPostCopy),
  live_migration_permit_auto_converge: keys.live_migration_permit_auto_converge.default(
    defaultPolicy.permitAutoConverge,
  ),
  live_migration_auto_converge_initial: keys.live_migration_auto_converge_initial.default(
    defaultPolicy.autoConvergeInitialPercent,
  ),
  live_migration_auto_converge_increment: keys.live_migration_auto_converge_increment.default(
    defaultPolicy.autoConvergeIncrementPercent,
  ),
  live_migration_parallel_connections: keys.live_migration_parallel_connections.default(
    defaultPolicy.parallelConnections,
  ),
  live_migration_compression: keys.live_migration_compression.default(defaultPolicy.compression),
  live_migration_post_copy_resume_attempts: keys.live_migration_post_copy_resume_attempts.default(
    defaultPolicy.postCopyResumeAttempts,
  ),
  schedule: schedule
    .default([{ do: "downtime", downtime: null, bandwidth: null, after: null, stalled_iterations: 5 }])
    .describe(SCHEDULE_WORDS),
  hosts: z
    .record(z.string(), part)
    .default({})
    .describe("What is otherwise for copies from one host: a table `[policy.hosts.NAME]` with any of the keys above."),
  metadata: z
    .array(z.strictObject({ key: z.string().min(1), value: z.string(), policy: part }))
    .default([])
    .describe(
      "What is otherwise for servers that have this metadata: tables `[[policy.metadata]]` with `key`, `value` and `policy`, " +
        "any of the keys above; see the operator's guide for where a server has its metadata. The later of two that match wins; both win over the host.",
    ),
});

type PolicyConfig = z.output<typeof policyConfig>;
type Part = z.output<typeof part>;

/** What is otherwise than the default policy, by host and by a server's metadata. */
export interface PolicyRules {
  readonly hosts: Readonly<Record<string, RequestedPolicy>>;
  readonly metadata: readonly { readonly key: string; readonly value: string; readonly values: RequestedPolicy }[];
}

/** The default policy of this configuration. */
export function policyFrom(config: PolicyConfig): MigrationPolicy {
  return migrationPolicy.parse({ ...defaultPolicy, ...partFrom(config) });
}

export function policyRulesFrom({ hosts, metadata }: PolicyConfig): PolicyRules {
  return {
    hosts: Object.fromEntries(Object.entries(hosts).map(([host, values]) => [host, partFrom(values)])),
    metadata: metadata.map(({ key, value, policy }) => ({ key, value, values: partFrom(policy) })),
  };
}

function partFrom(config: Part): RequestedPolicy {
  const action = config.live_migration_timeout_action;
  const values: RequestedPolicy = {
    downtimeMs: config.live_migration_downtime,
    downtimeSteps: config.live_migration_downtime_steps,
    downtimeDelaySPerGiB: config.live_migration_downtime_delay,
    bandwidthMiBps: config.live_migration_bandwidth,
    completionTimeoutSPerGiB: config.live_migration_completion_timeout,
    timeoutAction: action === "force_complete" ? "force-complete" : action,
    permitPostCopy: config.live_migration_permit_post_copy,
    permitAutoConverge: config.live_migration_permit_auto_converge,
    autoConvergeInitialPercent: config.live_migration_auto_converge_initial,
    autoConvergeIncrementPercent: config.live_migration_auto_converge_increment,
    parallelConnections: config.live_migration_parallel_connections,
    compression: config.live_migration_compression,
    postCopyResumeAttempts: config.live_migration_post_copy_resume_attempts,
    schedule: config.schedule?.map((written) => ({
      do: written.do,
      downtimeMs: written.downtime,
      bandwidthMiBps: written.bandwidth,
      afterSPerGiB: written.after,
      stalledIterations: written.stalled_iterations,
    })),
  };
  return values;
}
