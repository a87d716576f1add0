/** What operators ask of the conductor, and what agents report to it. */
import { defineCall, defineCast } from "@drover/bus";
import { z } from "zod";
import { conductorTopic, REPORT_VERSION } from "./conductor-topic.ts";
import { forceCompleteMethod, migrationPolicy, requestedPolicy, tuningLimits } from "./policy-schemas.ts";
import {
  asAdmin,
  chosenFlag,
  hostFacts,
  hostName,
  migrationPriority,
  migrationProgress,
  nothing,
  observedGuest,
  serializedError,
  uuid,
} from "./schemas.ts";
import { requestAnswer } from "./views.ts";

const count = z.number().int().nonnegative();
const requestedBy = z.string().describe("Who asks, for the record.");

export const liveMigrateInstance = defineCall({
  ...conductorTopic,
  method: "live_migrate_instance",
  access: "request",
  deadlineMs: 10_000,
  idempotent: false,
  description:
    "Records a live migration as `queued` and answers with its id; everything after happens by itself. What can be known at " +
    "once is refused at once, the rest is found by the pre-checks and is in the record.",
  errors: {
    "not-found": "No such server, or no such host.",
    "bad-request": "The server runs on that host already.",
    refused: "Locked, shut off, running on two hosts, already migrating, or a host is down. Nothing is recorded.",
  },
  request: z.object({
    serverUuid: uuid,
    host: hostName.nullable().default(null).describe("Destination asked for; null lets the scheduler choose."),
    blockMigration: z.boolean().nullable().default(null).describe("Nova's `block_migration`; null is `auto`."),
    priority: migrationPriority.optional(),
    policy: requestedPolicy
      .optional()
      .describe("What this migration has otherwise than the policy that applies to it."),
    asAdmin,
    requestedBy,
    projectId: z.string().describe("On whose behalf, for the record."),
  }),
  response: z.object({ migrationUuid: uuid, migrationId: z.number().int().describe("Its number, for people.") }),
});

const steering = {
  ...conductorTopic,
  access: "request",
  deadlineMs: 10_000,
  idempotent: true,
  errors: {
    "not-found": "No such migration.",
    refused: "Not in this state, or its server is locked; the message says why.",
  },
  request: z.object({ migrationUuid: uuid, asAdmin, requestedBy }),
  response: requestAnswer,
} as const;

export const abortMigration = defineCall({
  ...steering,
  method: "live_migration_abort",
  description:
    "Asks that a migration be called off. The answer says that this is recorded, not that it is over: `requestAnswer` and " +
    "`state` of the migration say what became of it.",
});

export const forceCompleteMigration = defineCall({
  ...steering,
  method: "live_migration_force_complete",
  description:
    "Asks that a migration complete whatever the standstill: by post-copy where the policy permits it, otherwise the guest " +
    "stands still until its memory has arrived; or as `method` says. The answer says that this is recorded.",
  request: steering.request.extend({ method: forceCompleteMethod.optional() }),
});

export const tuneMigration = defineCall({
  ...steering,
  method: "live_migration_tune",
  description:
    "Changes bandwidth or allowed standstill of a copy under way. The answer says that this is recorded: `tuning.answer` of " +
    "the migration says what became of it.",
  errors: { ...steering.errors, "bad-request": "Nothing to change was named." },
  request: steering.request.extend(tuningLimits),
});

export const setMigrationPriority = defineCall({
  ...steering,
  method: "set_migration_priority",
  description: "Gives a migration that is `queued` another priority, and with it another place among those that wait.",
  request: steering.request.extend({ priority: migrationPriority }),
});

export const resumeMigration = defineCall({
  ...steering,
  method: "live_migration_resume",
  description:
    "Resumes a post-copy whose link broke. The answer says that this is recorded: `resume.answer` of the migration says what " +
    "became of it.",
});

const agentReport = z.object({
  migrationUuid: uuid,
  generation: z.number().int().describe("Generation of the `live_migration` command that the report answers."),
  host: hostName,
  sequence: z
    .number()
    .int()
    .nonnegative()
    .describe("The agent's counter for this migration: a repeated or late report is recognised by it."),
});

const recordsSeenAtMs = count
  .default(0)
  .describe(
    "The newest `recordedAtMs` that the agent was answered: records older than that were restored from a backup.",
  );
const recordedAtMs = count.default(0).describe("When the host's sign of life was recorded, ms since 1970.");

const report = {
  ...conductorTopic,
  version: REPORT_VERSION,
  access: "report",
  deadlineMs: 5_000,
  idempotent: true,
} as const;

export const reportMigrationEvent = defineCall({
  ...report,
  method: "report_migration_event",
  reporter: ({ host }) => host,
  description: "Something happened to a running copy. Repeated by the agent until it is acknowledged.",
  request: agentReport.extend({
    event: z.enum([
      "started",
      "post-copy",
      "post-copy-paused",
      "post-copy-resumed",
      "decision",
      "abort-sent",
      "abort-refused",
      "force-complete-sent",
      "force-complete-refused",
      "tuned",
      "tune-refused",
      "resume-refused",
    ]),
    message: z.string().describe("One sentence for people."),
    answers: count.optional().describe("Of an answer: the `number` of the command."),
    numbers: z
      .record(z.string().max(64), z.number())
      .optional()
      .describe("With `decision`: what it was taken on, by name with the unit."),
    flags: z.array(chosenFlag).optional().describe("With `started`: what libvirt was asked, and why."),
  }),
  response: nothing,
});

export const reportMigrationOutcome = defineCall({
  ...report,
  method: "report_migration_outcome",
  reporter: ({ host }) => host,
  description: "How a copy ended. Repeated by the agent until it is acknowledged.",
  request: agentReport.extend({
    outcome: z.enum(["arrived", "stayed", "unknown"]),
    cause: z
      .enum(["aborted", "timed-out", "failed", "never-started"])
      .nullable()
      .describe("Why it stayed: on request, by the policy's limit, or because something failed. Null when it arrived."),
    error: serializedError.nullable(),
    flags: z.array(chosenFlag).optional(),
    progress: migrationProgress.nullable().describe("The last numbers."),
  }),
  response: nothing,
});

export const reportHost = defineCall({
  ...report,
  method: "report_host",
  deadlineMs: 10_000,
  reporter: ({ facts }) => facts.host,
  description: "An agent tells what its host is and which guests it has: at start, and when that changes.",
  request: z.object({
    facts: hostFacts,
    agentVersion: z.string(),
    guests: z.array(observedGuest).max(10_000),
    recordsSeenAtMs,
    sequence: count
      .default(0)
      .describe(
        "The agent's counter: a report that is not newer than the one recorded is left out. 0 counts as the newest.",
      ),
  }),
  response: z.object({
    recordedAtMs,
    newestSequence: count
      .default(0)
      .describe(
        "That of the report that counts. Above the agent's own, its report was left out: it counts on from there.",
      ),
  }),
});

export const reportHeartbeat = defineCall({
  ...report,
  method: "report_heartbeat",
  reporter: ({ host }) => host,
  description: "An agent says that it lives.",
  request: z.object({ host: hostName, recordsSeenAtMs }),
  response: z.object({ known: z.boolean().describe("False asks for a full `report_host`."), recordedAtMs }),
});

const heldMigration = z
  .object({
    migrationUuid: uuid,
    serverUuid: uuid,
    started: z
      .object({
        generation: count,
        serverName: z.string(),
        destinationHost: hostName,
        memoryKiB: count,
        policy: migrationPolicy,
        flags: z.array(chosenFlag),
        startedAtMs: count,
      })
      .nullable()
      .describe("At the source: the start command, from which a lost record is made again. Null at the destination."),
  })
  .meta({ id: "HeldMigration" });
export type HeldMigration = z.output<typeof heldMigration>;

/** So many at once are answered well within the deadline; the others take their turn. */
export const MAX_HELD_MIGRATIONS = 50;

export const reportHeldMigrations = defineCall({
  ...conductorTopic,
  access: "report",
  deadlineMs: 10_000,
  idempotent: true,
  method: "report_held_migrations",
  reporter: ({ host }) => host,
  description:
    "An agent names the migrations that its file still has something of, at start and while there are any, and is told what " +
    "became of each. One that the source started and the records do not know is recorded again, as `unknown`.",
  request: z.object({ host: hostName, held: z.array(heldMigration).max(MAX_HELD_MIGRATIONS) }),
  response: z.object({
    verdicts: z.array(
      z.object({
        migrationUuid: uuid,
        verdict: z
          .enum(["in-progress", "over", "no-record"])
          .describe("`no-record`: nobody knows it, and this host did not start it."),
        runsElsewhere: z
          .boolean()
          .describe("Another host that is up runs the guest: what stands still or lies shut off here is not needed."),
        runsOn: hostName
          .nullable()
          .optional()
          .describe(
            "That host; null if there is none. Copied disks are surplus at the destination only while the source runs the guest, " +
              "and at the source only while the destination does: a third host may share the storage that they are on. Since 1.4.",
          ),
      }),
    ),
  }),
});

export const migrationChanged = defineCast({
  ...conductorTopic,
  method: "migration_changed",
  access: "command",
  description:
    "Told by one conductor to all: a record has changed that another may be working on. Sent as a fanout, which reaches each " +
    "conductor that is there at most once: losing it costs a delay, no more.",
  request: z.object({
    migrationUuid: uuid,
    news: z
      .enum(["changed", "has-its-turn"])
      .optional()
      .describe(
        "`changed` unless said otherwise. `has-its-turn`: a slot that it waits for may be free; what it is doing goes on. Since 1.4.",
      ),
  }),
});
