/**
 * Drover's own API as schemas: requests are checked by them, answers serialised by them, and the OpenAPI document is
 * made from them. Bytes, KiB and milliseconds as the names say; times are ISO 8601 in UTC.
 */
import {
  chosenFlag,
  hostFacts,
  hostName,
  migrationPolicy,
  migrationProgress,
  powerState,
  serializedError,
} from "@drover/contracts";
import { ERROR_CODES, MIGRATION_STATES } from "@drover/model";
import { z } from "zod";

const time = z.iso.datetime();
const count = z.int().nonnegative();

export const errorBody = z
  .object({
    error: z.object({
      code: z.enum(ERROR_CODES).describe("For programs: what to do about it."),
      message: z.string().describe("For people: what was being done, and the remedy."),
      details: z.record(z.string(), z.unknown()),
      requestId: z.string(),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.output<typeof errorBody>;

export const hostView = z
  .object({
    id: z.int(),
    uuid: z.string(),
    name: z.string(),
    state: z.enum(["up", "down"]).describe("`down`: nothing was heard of its agent for a minute."),
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
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
    migration: migrationReference.nullable().describe("The migration in progress."),
  })
  .meta({ id: "Server" });
export type ServerView = z.output<typeof serverView>;

const progressView = migrationProgress
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
    reason: z.string().nullable().describe("Why it waits, failed, was cancelled or is in error."),
    failure: serializedError.nullable(),
    flags: z.array(chosenFlag).describe("What libvirt was asked, and why."),
    policy: migrationPolicy,
    requestedBy: z.string(),
    requestId: z.string(),
    abortRequestedAt: time.nullable(),
    forceCompleteRequestedAt: time.nullable(),
    requestAnswer: z.string().nullable().describe("What the agent answered to the last abort or force-complete."),
    createdAt: time,
    updatedAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    progress: progressView.nullable().describe("Null while nothing is known."),
  })
  .meta({ id: "Migration" });
export type MigrationView = z.output<typeof migrationView>;

export const logEntryView = z
  .object({ at: time, event: z.string(), state: migrationState, message: z.string() })
  .meta({ id: "MigrationLogEntry" });

export const requestAnswer = z
  .object({ answer: z.enum(["accepted", "ignored"]).describe("`ignored`: it was so already.") })
  .meta({ id: "RequestAnswer" });

export const migrateRequest = z
  .strictObject({
    host: hostName.nullable().optional().describe("The destination; without it the scheduler chooses."),
    blockMigration: z.boolean().nullable().optional().describe("Copy disks: yes, no, or null to let Drover find out."),
  })
  .meta({ id: "MigrateRequest" });

export const serverParams = z.object({ server: z.string().min(1).max(255).describe("Uuid or unambiguous name.") });
export const migrationParams = z.object({ migration: z.string().min(1).max(36).describe("Number or uuid.") });

export const serverQuery = z.strictObject({
  name: z.string().max(255).optional().describe("A regular expression that matches anywhere in the name."),
  host: hostName.optional(),
});

const LIMIT_WORDS = "must be a whole number from 1 to 1000";

export const migrationQuery = z.strictObject({
  server: z.string().min(1).max(255).optional().describe("Uuid or unambiguous name."),
  status: z.string().optional().describe("A state, or Nova's word for one."),
  host: hostName.optional().describe("Source or destination."),
  active: z
    .enum(["true", "false"])
    .optional()
    .describe("`true`: only those that are not over; `false`: only those that are."),
  limit: z.coerce
    .number(LIMIT_WORDS)
    .int(LIMIT_WORDS)
    .min(1, LIMIT_WORDS)
    .max(1000, LIMIT_WORDS)
    .optional()
    .describe("Rows at most. Default 1000, which is the most."),
  marker: z.string().max(36).optional().describe("The last migration of the page before."),
});
export type MigrationQuery = z.output<typeof migrationQuery>;
