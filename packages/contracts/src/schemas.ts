/** The model's types as schemas. `satisfies` keeps both the same: a field added to one and not to the other fails to compile. */
import {
  type ChosenFlag,
  type DestinationPreparation,
  type EliminatedHost,
  ERROR_CODES,
  type HostFacts,
  type MigrationPolicy,
  type MigrationProgress,
  type ObservedGuest,
  type PreCheck,
  type SerializedError,
} from "@drover/model";
import { z } from "zod";

const count = z.number().int().nonnegative();
const rate = z.number().nonnegative();

/** Nova's pattern for host names in requests: letters, digits, dot, dash, underscore. */
export const hostName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,255}$/, "must be a host name of letters, digits, dots, dashes, underscores");
export const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "must be a lower-case uuid");

export const serializedError = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
}) satisfies z.ZodType<SerializedError>;

export const migrationPolicy = z.object({
  downtimeMs: z.number().int().min(1),
  downtimeSteps: z.number().int().min(1).max(100),
  downtimeDelaySPerGiB: rate,
  bandwidthMiBps: count,
  completionTimeoutSPerGiB: rate,
  timeoutAction: z.enum(["abort", "force-complete"]),
  permitPostCopy: z.boolean(),
  permitAutoConverge: z.boolean(),
}) satisfies z.ZodType<MigrationPolicy>;

export const migrationProgress = z.object({
  migrationUuid: uuid,
  sequence: count,
  observedAtMs: count,
  phase: z.enum(["setup", "pre-copy", "post-copy", "paused", "completed"]),
  elapsedMs: count,
  memoryTotalBytes: count,
  memoryProcessedBytes: count,
  memoryRemainingBytes: count,
  memoryBytesPerSecond: rate,
  dirtyBytesPerSecond: rate,
  iteration: count,
  diskTotalBytes: count,
  diskProcessedBytes: count,
  diskRemainingBytes: count,
  expectedDowntimeMs: count,
  downtimeLimitMs: count,
  autoConvergeThrottlePercent: count,
  downtimeMs: count.nullable().describe("The standstill that happened; only once the guest has arrived."),
}) satisfies z.ZodType<MigrationProgress>;

export const hostFacts = z.object({
  host: hostName,
  hostUuid: uuid,
  hypervisorType: z.string(),
  hypervisorVersion: count.describe("major * 1,000,000 + minor * 1,000 + release"),
  libvirtVersion: count.describe("major * 1,000,000 + minor * 1,000 + release"),
  cpuArch: z.string(),
  cpuModel: z.string(),
  cpus: count,
  memoryKiB: count,
  inboundAddress: z.string().describe("Where other hosts send memory to."),
  libvirtUri: z.string(),
}) satisfies z.ZodType<HostFacts>;

export const powerState = z.enum([
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
]);

export const observedGuest = z.object({
  uuid,
  name: z.string().min(1),
  powerState,
  persistent: z.boolean(),
  vcpus: count,
  memoryKiB: count,
  migrating: z.boolean(),
}) satisfies z.ZodType<ObservedGuest>;

export const preCheck = z.object({
  check: z.string(),
  passed: z.boolean(),
  message: z.string(),
}) satisfies z.ZodType<PreCheck>;

export const eliminatedHost = z.object({
  host: z.string(),
  by: z.string(),
  reason: z.string(),
}) satisfies z.ZodType<EliminatedHost>;

export const chosenFlag = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  reason: z.string(),
}) satisfies z.ZodType<ChosenFlag>;

export const destinationPreparation = z.object({
  libvirtUri: z.string(),
  inboundAddress: z.string(),
}) satisfies z.ZodType<DestinationPreparation>;

/** Who a migration is about; the name is for messages. */
export const guestReference = z.object({ serverUuid: uuid, serverName: z.string() });

/** A command that belongs to one migration: an agent drops what is older than what it has seen. */
export const migrationCommand = guestReference.extend({
  migrationUuid: uuid,
  /** The record's generation when the command was written. */
  generation: count,
});

export const nothing = z.object({});
