/** A migration's policy on the wire: whole, as it is recorded, and in part, as a request names it. */
import {
  COMPRESSIONS,
  type MigrationPolicy,
  type MigrationTuning,
  type PolicyStep,
  type PostCopyResume,
  RUN_TIME_ACTIONS,
  whyNoStep,
} from "@drover/model";
import { z } from "zod";

const count = z.number().int().nonnegative();
const rate = z.number().nonnegative();

/** What a step does. */
export const stepAction = z
  .enum(RUN_TIME_ACTIONS, { error: ({ input }) => whyNoStep(input) ?? "is no step" })
  .describe("What is done. What is fixed when the copy starts (auto-converge, multifd, compression) is no step.");
const stepDowntimeMs = z.number().int().min(1).max(2_000_000).nullable();
const stepBandwidth = count.nullable();
const afterSPerGiB = rate.nullable();
const stalledIterations = z.number().int().min(1).max(1000).nullable();

const words = {
  downtimeMs: "Of `downtime`: the standstill allowed from now on; null is the policy's `downtimeMs`.",
  bandwidthMiBps: "Of `bandwidth`: the upper bound from now on; 0 leaves it to libvirt.",
  afterSPerGiB: "Due so many seconds into the copy per GiB of guest memory (at least 2 GiB are counted).",
  stalledIterations: "Due when the copy made no headway over so many passes.",
} as const;

const policyStep = z
  .object({
    do: stepAction,
    downtimeMs: stepDowntimeMs.describe(words.downtimeMs),
    bandwidthMiBps: stepBandwidth.describe(words.bandwidthMiBps),
    afterSPerGiB: afterSPerGiB.describe(words.afterSPerGiB),
    stalledIterations: stalledIterations.describe(words.stalledIterations),
  })
  .meta({ id: "PolicyStep" }) satisfies z.ZodType<PolicyStep>;

/** A step as somebody writes it: what is left out is null. */
const requestedStep = z
  .strictObject({
    do: stepAction,
    downtimeMs: stepDowntimeMs.default(null).describe(words.downtimeMs),
    bandwidthMiBps: stepBandwidth.default(null).describe(words.bandwidthMiBps),
    afterSPerGiB: afterSPerGiB.default(null).describe(words.afterSPerGiB),
    stalledIterations: stalledIterations.default(null).describe(words.stalledIterations),
  })
  .meta({ id: "RequestedPolicyStep" }) satisfies z.ZodType<PolicyStep>;

/** Longer ones are no policy any more; and each step taken is a line in the record. */
const MOST_STEPS = 32;

const fields = {
  downtimeMs: z.number().int().min(1).max(2_000_000).describe("Longest standstill at the switch-over."),
  downtimeSteps: z.number().int().min(1).max(100).describe("Steps in which that standstill is reached."),
  downtimeDelaySPerGiB: rate.describe("Seconds between two steps, per GiB of guest memory."),
  bandwidthMiBps: count.describe("Upper bound of the copy; 0 leaves it to libvirt."),
  completionTimeoutSPerGiB: rate.describe("Time limit of the copy, seconds per GiB of guest memory; 0 is none."),
  timeoutAction: z.enum(["abort", "force-complete"]).describe("What is done when the time limit passes."),
  permitPostCopy: z.boolean().describe("A force-complete may switch the guest to post-copy."),
  permitAutoConverge: z.boolean().describe("The guest's processors may be slowed so that the copy converges."),
  autoConvergeInitialPercent: z.number().int().min(1).max(99).describe("How much they are slowed first."),
  autoConvergeIncrementPercent: z.number().int().min(1).max(99).describe("What each further slow-down adds."),
  parallelConnections: z
    .number()
    .int()
    .min(1)
    .max(255)
    .describe("Sockets that memory is sent over (multifd); 1 is the ordinary copy."),
  compression: z
    .enum(COMPRESSIONS)
    .describe(
      "`xbzrle` sends what changed of a page that was sent before, `zstd` compresses what several sockets send (libvirt 9.4), " +
        "`auto` is xbzrle where the bandwidth is limited to 100 MiB/s or less, `none` is none.",
    ),
  postCopyResumeAttempts: z
    .number()
    .int()
    .min(0)
    .max(100)
    .describe("So often a post-copy whose link broke is resumed without a person; 0 waits for one."),
} as const;

/** What a release that knows no schedules sends is what it does. */
export const migrationPolicy = z
  .object({
    ...fields,
    autoConvergeInitialPercent: fields.autoConvergeInitialPercent.default(20),
    autoConvergeIncrementPercent: fields.autoConvergeIncrementPercent.default(10),
    parallelConnections: fields.parallelConnections.default(1),
    compression: fields.compression.default("none"),
    postCopyResumeAttempts: fields.postCopyResumeAttempts.default(0),
    schedule: z
      .array(policyStep)
      .max(MOST_STEPS)
      .readonly()
      .default([])
      .describe("What is done while the copy runs: in this order, each once."),
  })
  .meta({ id: "MigrationPolicy" }) satisfies z.ZodType<MigrationPolicy>;

/** The part of a policy that one request, host or server brings: what is left out comes from the less specific. */
export const requestedPolicy = z
  .strictObject({
    ...fields,
    schedule: z
      .array(requestedStep)
      .max(MOST_STEPS)
      .readonly()
      .describe("What is done while the copy runs: in this order, each once. It replaces the schedule of the policy."),
  })
  .partial()
  .meta({ id: "RequestedPolicy" });
export type RequestedPolicy = z.output<typeof requestedPolicy>;

/** Where each value of a policy came from. */
export const policyOrigins = z.record(z.string(), z.string());

export const tuningLimits = {
  bandwidthMiBps: count.max(1_000_000).nullable().default(null).describe("Null leaves it; 0 takes the limit away."),
  downtimeMs: z.number().int().min(1).max(2_000_000).nullable().default(null).describe("Null leaves it."),
} as const;

const requested = {
  number: count.describe("Counts the requests of one migration."),
  requestedAt: z.string().describe("ISO 8601, UTC."),
  requestedBy: z.string(),
  answer: z.string().nullable().describe("What the agent answered; null before."),
} as const;

export const migrationTuning = z
  .object({ ...requested, bandwidthMiBps: count.nullable(), downtimeMs: count.nullable() })
  .meta({ id: "MigrationTuning" }) satisfies z.ZodType<MigrationTuning>;

export const postCopyResume = z
  .object({ ...requested, byPolicy: count.describe("How many tries were the policy's since a person last asked.") })
  .meta({ id: "PostCopyResume" }) satisfies z.ZodType<PostCopyResume>;

/** What a force-complete would do, before it is asked for. */
export const expectedStandstillView = z
  .object({
    method: z.enum(["post-copy", "pause"]).describe("What is done where the request names nothing."),
    postCopyPermitted: z.boolean().describe("The copy was started with it."),
    pauseMs: count.nullable().describe("The guest's standstill if it were suspended now; null while it is not known."),
  })
  .meta({ id: "ExpectedStandstill" });

export const forceCompleteMethod = z
  .enum(["post-copy", "pause"])
  .nullable()
  .describe("How; null is post-copy where the copy was started with it, and otherwise pause.");
