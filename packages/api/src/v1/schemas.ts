/**
 * What requests of `/v1` are checked by, and the form of its errors; the OpenAPI document is made from these and from the
 * views in `@drover/contracts`.
 */
import {
  forceCompleteMethod,
  hostName,
  migrationPriority,
  placementName,
  requestedPolicy,
  serializedError,
  tuningLimits,
} from "@drover/contracts";
import { ERROR_CODES } from "@drover/model";
import { z } from "zod";

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

export const migrateRequest = z
  .strictObject({
    host: hostName.nullable().optional().describe("The destination; without it the scheduler chooses."),
    blockMigration: z.boolean().nullable().optional().describe("Copy disks: yes, no, or null to let Drover find out."),
    priority: migrationPriority.optional(),
    policy: requestedPolicy
      .optional()
      .describe("What this migration has otherwise than the policy that applies to it: what is left out stays."),
  })
  .meta({ id: "MigrateRequest" });

export const forceCompleteRequest = z
  .strictObject({ method: forceCompleteMethod.optional() })
  .meta({ id: "ForceCompleteRequest" });

export const tuneRequest = z
  .strictObject({
    bandwidthMiBps: tuningLimits.bandwidthMiBps.optional(),
    downtimeMs: tuningLimits.downtimeMs.optional(),
  })
  .meta({ id: "TuneRequest" });

export const priorityRequest = z.strictObject({ priority: migrationPriority }).meta({ id: "PriorityRequest" });

export const serverParams = z.object({ server: z.string().min(1).max(255).describe("Uuid or unambiguous name.") });
export const migrationParams = z.object({ migration: z.string().min(1).max(36).describe("Number or uuid.") });

export const preflightQuery = z.strictObject({
  host: hostName.optional().describe("Only this destination; without it every host is asked."),
});
export const hostParams = z.object({ host: hostName });
export const serverGroupParams = z.object({ group: placementName });
export const aggregateParams = z.object({ aggregate: placementName });

export const serverQuery = z.strictObject({
  name: z.string().max(255).optional().describe("A regular expression that matches anywhere in the name."),
  host: hostName.optional(),
});

const LIMIT_WORDS = "must be a whole number from 1 to 1000";
const limit = z.coerce.number(LIMIT_WORDS).int(LIMIT_WORDS).min(1, LIMIT_WORDS).max(1000, LIMIT_WORDS).optional();

export const migrationQuery = z.strictObject({
  server: z.string().min(1).max(255).optional().describe("Uuid or unambiguous name."),
  status: z.string().optional().describe("A state, or Nova's word for one."),
  host: hostName.optional().describe("Source or destination."),
  active: z
    .enum(["true", "false"])
    .optional()
    .describe("`true`: only those that are not over; `false`: only those that are."),
  limit: limit.describe("Rows at most. Default 1000, which is the most."),
  marker: z.string().max(36).optional().describe("The last migration of the page before."),
});

const time = z.iso.datetime({ offset: true, error: "must be a time as 2026-01-31T12:00:00Z" });
const MARKER_WORDS = "must be the id of an entry";

export const auditQuery = z.strictObject({
  user: z.string().max(255).optional().describe("Who asked."),
  token: z.string().max(12).optional().describe("Id of the token that it came with."),
  action: z.string().max(255).optional().describe("The RPC, or method and route."),
  resource: z.string().max(255).optional().describe("Kind and name: `host alpha`, `migration 6f6e…`."),
  outcome: z.string().max(255).optional().describe("`ok`, or the code of a refusal."),
  requestId: z.string().max(255).optional(),
  since: time.optional().describe("From this time on."),
  before: time.optional().describe("Up to this time."),
  limit: limit.describe("Rows at most. Default 1000, which is the most."),
  marker: z.coerce
    .number(MARKER_WORDS)
    .int(MARKER_WORDS)
    .min(1, MARKER_WORDS)
    .optional()
    .describe("The last entry of the page before."),
});

export const parkedView = z
  .object({
    id: z.string(),
    queue: z.string().describe("The queue that it was taken from: `<topic>` or `<topic>.<server>`."),
    server: z.string().describe("Name of the server that gave up on it."),
    method: z.string().nullable().describe("Null where it could not be read."),
    requestId: z.string().nullable(),
    reason: serializedError.describe("Why the last try failed."),
    tries: z.int().nonnegative(),
    parkedAt: z.iso.datetime(),
  })
  .meta({ id: "ParkedMessage" });
export type ParkedView = z.output<typeof parkedView>;

export const parkedQuery = z.strictObject({ limit: limit.describe("Rows at most, 1 to 1000. Default 100.") });
export const parkedParams = z.object({ id: z.string().min(1).max(255) });
export const releasedAnswer = z.object({ id: z.string(), released: z.enum(["sent-again", "discarded"]) });
