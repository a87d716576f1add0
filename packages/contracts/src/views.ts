/**
 * Hosts, servers and migrations as everybody is shown them: `/v1` answers with these and so do the conductor's reading
 * RPCs. Bytes, KiB and milliseconds as the names say; times are ISO 8601 in UTC.
 */
import { MIGRATION_STATES, SERVER_GROUP_POLICIES } from "@drover/model";
import { z } from "zod";
import {
  expectedStandstillView,
  forceCompleteMethod,
  migrationPolicy,
  migrationTuning,
  policyOrigins,
  postCopyResume,
} from "./policy-schemas.ts";
import { chosenFlag, hostFacts, migrationProgress, migrationProof, powerState, serializedError } from "./schemas.ts";

const time = z.iso.datetime();
const count = z.int().nonnegative();

export const hostView = z
  .object({
    id: z.int(),
    uuid: z.string(),
    name: z.string(),
    state: z
      .enum(["up", "down"])
      .describe("`down`: nothing was heard of its agent for a minute, or it was forced down."),
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
    maintenance: z
      .object({ reason: z.string(), since: time })
      .nullable()
      .describe("Somebody works on it: no guest comes to it, whether it is enabled or not."),
    forcedDown: z.boolean().describe("An operator says that it is off: it is `down`, whatever its agent reports."),
    availabilityZone: z.string().describe("By its aggregates; `nova` where none has one."),
    aggregates: z.array(z.string()).describe("Names of those that it is in."),
    maxOutgoingMigrations: count.nullable().describe("Set by an operator; null where the conductors' default holds."),
    maxIncomingMigrations: count.nullable().describe("Set by an operator; null where the conductors' default holds."),
    facts: hostFacts,
    agentVersion: z.string(),
    lastSeenAt: time,
    servers: count.describe("How many servers are on it."),
  })
  .meta({ id: "Host" });
export type HostView = z.output<typeof hostView>;

const migrationState = z.enum(MIGRATION_STATES);
const migrationReference = z.object({ id: z.int(), uuid: z.string(), status: z.string() });

export const serverView = z
  .object({
    uuid: z.string(),
    name: z.string(),
    host: z.string(),
    powerState,
    vcpus: count,
    memoryKiB: count,
    persistent: z.boolean().describe("libvirt keeps a definition on disk."),
    seenAt: time,
    leftovers: z.array(z.string()).describe("Other hosts that hold a shut-off definition of it."),
    runsTwice: z.array(z.string()).describe("Hosts that run it at the same time: an alarm; empty when all is well."),
    metadata: z.record(z.string(), z.string()).describe("What its operators say of it, for policies."),
    availabilityZone: z.string().nullable().describe("The zone that it is to stay in; null where it asked for none."),
    group: z.string().nullable().describe("Name of its server group."),
    lock: z
      .object({ reason: z.string().nullable(), lockedBy: z.string(), lockedAt: time })
      .nullable()
      .describe("Administrators only may move it, pause it or steer its migration."),
    migration: migrationReference.nullable().describe("The migration in progress."),
  })
  .meta({ id: "Server" });
export type ServerView = z.output<typeof serverView>;

export const serverGroupView = z
  .object({
    uuid: z.string(),
    name: z.string(),
    policy: z.enum(SERVER_GROUP_POLICIES),
    maxServersPerHost: z.int().describe("With `anti-affinity`: so many of them may share a host."),
    servers: z
      .array(z.object({ uuid: z.string(), name: z.string().nullable(), host: z.string().nullable() }))
      .describe("Name and host are null for one that no host reports."),
    createdAt: time,
  })
  .meta({ id: "ServerGroup" });
export type ServerGroupView = z.output<typeof serverGroupView>;

export const aggregateView = z
  .object({
    id: z.int(),
    name: z.string(),
    availabilityZone: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    hosts: z.array(z.string()),
    createdAt: time,
  })
  .meta({ id: "Aggregate" });
export type AggregateView = z.output<typeof aggregateView>;

export const progressView = migrationProgress
  .extend({
    source: z
      .enum(["cache", "store", "record"])
      .describe(
        "`cache`: the agent's newest; `store`: the last flush; `record`: the last numbers of one that is over.",
      ),
    ageMs: count,
    stale: z.boolean().describe("The cache could not be asked: newer numbers may exist."),
  })
  .meta({ id: "MigrationProgress" });
export type ProgressView = z.output<typeof progressView>;

const progressPoint = migrationProgress
  .omit({ migrationUuid: true, sequence: true, memoryTotalBytes: true, diskTotalBytes: true, downtimeMs: true })
  .meta({ id: "ProgressPoint" });

export const progressHistoryView = z
  .object({
    migrationUuid: z.string(),
    source: z
      .enum(["cache", "archive", "none"])
      .describe("`cache`: as it goes, also for the moment after its end; `archive`: kept since its end."),
    missing: z.string().nullable().describe("Why there is nothing, or only the last numbers; null where it is whole."),
    points: z
      .array(progressPoint)
      .describe(
        "The oldest first: up to 241, and 121 of one that is over, evenly over the copy, with its first and its newest numbers.",
      ),
  })
  .meta({ id: "ProgressHistory" });
export type ProgressHistoryView = z.output<typeof progressHistoryView>;

export const migrationView = z
  .object({
    id: z.int(),
    uuid: z.string(),
    server: z.object({ uuid: z.string(), name: z.string() }),
    state: migrationState,
    status: z.string().describe("Nova's word for the state."),
    sourceHost: z.string(),
    destinationHost: z.string().nullable().describe("Null until one is chosen."),
    requestedHost: z.string().nullable(),
    priority: z.int().describe("Orders what waits for a slot: the larger goes first, and of equal ones the older."),
    queue: z
      .object({
        position: z.int().positive().describe("1 is the next to leave the source."),
        length: z.int().positive().describe("How many wait to leave the source."),
      })
      .nullable()
      .describe("Its place among those that wait; null when it is not `queued`."),
    reason: z.string().nullable().describe("Why it waits, failed, was cancelled or is in error."),
    failure: serializedError.nullable(),
    proof: migrationProof
      .nullable()
      .describe("What both hosts said when the record was last decided from their words."),
    flags: z.array(chosenFlag).describe("What libvirt was asked, and why."),
    policy: migrationPolicy,
    policyOrigins: policyOrigins.describe("Where each value of the policy came from."),
    requestedBy: z.string(),
    requestId: z.string(),
    abortRequestedAt: time.nullable().describe("Null again once it was refused: it may then be asked for anew."),
    forceCompleteRequestedAt: time.nullable().describe("Null again once it was refused."),
    forceCompleteMethod: forceCompleteMethod.describe("How, where the request named it."),
    expectedStandstill: expectedStandstillView
      .nullable()
      .describe("What a force-complete would cost now; null while nothing is copied before the switch-over."),
    tuning: migrationTuning.nullable().describe("The newest request for other limits."),
    resume: postCopyResume.nullable().describe("The newest try to resume a broken post-copy."),
    requestAnswer: z.string().nullable().describe("What the agent answered to the last abort or force-complete."),
    createdAt: time,
    updatedAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    progress: progressView.nullable().describe("Null while nothing is known."),
  })
  .meta({ id: "Migration" });
export type MigrationView = z.output<typeof migrationView>;

const numbers = z
  .record(z.string(), z.number())
  .nullable()
  .describe("Of a decision: what it was taken on, by name with the unit.");

export const logEntryView = z
  .object({ at: time, event: z.string(), state: migrationState, message: z.string(), numbers })
  .meta({ id: "MigrationLogEntry" });
export type LogEntryView = z.output<typeof logEntryView>;

/** One migration and everything that happened to it, oldest first. */
export const migrationDetail = z.object({ migration: migrationView, log: z.array(logEntryView) });
export type MigrationDetail = z.output<typeof migrationDetail>;

/** What a request to hurry or to call off is answered with: asking is not being done. */
export const requestAnswer = z
  .object({ answer: z.enum(["accepted", "ignored"]).describe("`ignored`: it was so already.") })
  .meta({ id: "RequestAnswer" });
