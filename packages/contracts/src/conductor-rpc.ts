/** What the conductor answers. Version history: 1.0 the first release. */
import { defineCall, defineCast } from "@drover/bus";
import { z } from "zod";
import {
  chosenFlag,
  hostFacts,
  hostName,
  migrationProgress,
  nothing,
  observedGuest,
  serializedError,
  uuid,
} from "./schemas.ts";

const topic = "conductor";
const version = "1.0";

/**
 * Records a live migration as `queued` and returns its id; everything after happens by itself.
 *
 * Throws `not-found` (server or named host), `refused` (shut off, already migrating, two running copies, host down).
 */
export const liveMigrateInstance = defineCall({
  topic,
  method: "live_migrate_instance",
  version,
  access: "request",
  deadlineMs: 10_000,
  idempotent: false,
  request: z.object({
    serverUuid: uuid,
    /** Destination asked for; null lets the scheduler choose. */
    host: hostName.nullable(),
    /** Nova's `block_migration`; null is `auto`. */
    blockMigration: z.boolean().nullable(),
    requestedBy: z.string(),
    projectId: z.string(),
  }),
  response: z.object({ migrationUuid: uuid, migrationId: z.number().int() }),
});

const operatorRequest = z.object({ migrationUuid: uuid, requestedBy: z.string() });
const operatorAnswer = z.object({
  /** `ignored`: it was so already. */
  answer: z.enum(["accepted", "ignored"]),
});

/** Asks that a migration be called off. The answer says that it is recorded, not that it is over. Throws `refused`, `not-found`. */
export const abortMigration = defineCall({
  topic,
  method: "live_migration_abort",
  version,
  access: "request",
  deadlineMs: 10_000,
  idempotent: true,
  request: operatorRequest,
  response: operatorAnswer,
});

/** Asks that a migration complete whatever the standstill. Throws `refused`, `not-found`. */
export const forceCompleteMigration = defineCall({
  topic,
  method: "live_migration_force_complete",
  version,
  access: "request",
  deadlineMs: 10_000,
  idempotent: true,
  request: operatorRequest,
  response: operatorAnswer,
});

const agentReport = z.object({
  migrationUuid: uuid,
  /** Generation of the `live_migration` command that the report answers. */
  generation: z.number().int(),
  host: hostName,
  /** The agent's counter for this migration: a repeated or late report is recognised by it. */
  sequence: z.number().int().nonnegative(),
});

/** Something happened to a running copy. Repeated by the agent until it is acknowledged. */
export const reportMigrationEvent = defineCall({
  topic,
  method: "report_migration_event",
  version,
  access: "report",
  reporter: ({ host }) => host,
  deadlineMs: 5_000,
  idempotent: true,
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
    ]),
    /** One sentence for people. */
    message: z.string(),
    /** With `started`: what libvirt was asked, and why. */
    flags: z.array(chosenFlag).optional(),
  }),
  response: nothing,
});

/** How a copy ended. Repeated by the agent until it is acknowledged. */
export const reportMigrationOutcome = defineCall({
  topic,
  method: "report_migration_outcome",
  version,
  access: "report",
  reporter: ({ host }) => host,
  deadlineMs: 5_000,
  idempotent: true,
  request: agentReport.extend({
    outcome: z.enum(["arrived", "stayed", "unknown"]),
    /** Why it stayed: on request, by the policy's limit, or because something failed. Null when it arrived. */
    cause: z.enum(["aborted", "timed-out", "failed", "never-started"]).nullable(),
    error: serializedError.nullable(),
    flags: z.array(chosenFlag).optional(),
    progress: migrationProgress.nullable(),
  }),
  response: nothing,
});

/** An agent tells what its host is and which guests it has: at start, and when that changes. */
export const reportHost = defineCall({
  topic,
  method: "report_host",
  version,
  access: "report",
  reporter: ({ facts }) => facts.host,
  deadlineMs: 10_000,
  idempotent: true,
  request: z.object({ facts: hostFacts, agentVersion: z.string(), guests: z.array(observedGuest).max(10_000) }),
  response: nothing,
});

/** An agent lives. `known: false` asks it for a full `report_host`. */
export const reportHeartbeat = defineCall({
  topic,
  method: "report_heartbeat",
  version,
  access: "report",
  reporter: ({ host }) => host,
  deadlineMs: 5_000,
  idempotent: true,
  request: z.object({ host: hostName }),
  response: z.object({ known: z.boolean() }),
});

/** Told by one conductor to all: a record has changed that another may be working on. Losing it costs a delay, no more. */
export const migrationChanged = defineCast({
  topic,
  method: "migration_changed",
  version,
  access: "command",
  request: z.object({ migrationUuid: uuid }),
});
