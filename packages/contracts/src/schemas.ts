/**
 * The model's types as schemas. `satisfies` keeps both the same: a field added to one and not to the other fails to
 * compile. An `id` is the type's name in docs/rpc.md and in the OpenAPI document.
 */
import {
  type ChosenFlag,
  type DestinationPreparation,
  type DestinationTls,
  type EliminatedHost,
  ERROR_CODES,
  GUEST_STANDINGS,
  type HostFacts,
  type HostWeight,
  type HostWord,
  MIGRATION_EVENTS,
  type MigrationProgress,
  type MigrationProof,
  type ObservedGuest,
  type PreCheck,
  type SerializedError,
} from "@drover/model";
import { z } from "zod";
import { preparedDisk } from "./storage-schemas.ts";

const count = z.number().int().nonnegative();
const rate = z.number().nonnegative();

/** Nova's pattern for host names in requests: letters, digits, dot, dash, underscore. */
export const hostName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,255}$/, "must be a host name of letters, digits, dots, dashes, underscores")
  .meta({ title: "host name" });
export const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "must be a lower-case uuid")
  .meta({ title: "uuid" });

export const serializedError = z
  .object({
    code: z.enum(ERROR_CODES).describe("For programs: what to do about it."),
    message: z.string().describe("For people."),
    details: z.record(z.string(), z.unknown()).describe("The ids, hosts and checks that it is about."),
  })
  .meta({ id: "Failure" }) satisfies z.ZodType<SerializedError>;

export const migrationProgress = z
  .object({
    migrationUuid: uuid,
    sequence: count.describe("The agent's counter: the larger is the newer."),
    observedAtMs: count.describe("The agent's clock, ms since 1970."),
    phase: z.enum(["setup", "pre-copy", "post-copy", "paused", "completed"]),
    elapsedMs: count.describe("Since the copy began."),
    memoryTotalBytes: count,
    memoryProcessedBytes: count.describe("Grows beyond the total when memory is sent again."),
    memoryRemainingBytes: count,
    memoryBytesPerSecond: rate,
    dirtyBytesPerSecond: rate.describe("While it stays above `memoryBytesPerSecond` the copy does not converge."),
    iteration: count.describe("Passes over the guest's memory."),
    diskTotalBytes: count,
    diskProcessedBytes: count,
    diskRemainingBytes: count,
    expectedDowntimeMs: count.describe("The standstill if it were switched over now."),
    downtimeLimitMs: count.describe("The standstill that is allowed at this moment."),
    autoConvergeThrottlePercent: count.describe("How much the guest's processors are slowed."),
    downtimeMs: count.nullable().describe("The standstill that happened; only once the guest has arrived."),
  })
  .meta({ id: "ObservedProgress" }) satisfies z.ZodType<MigrationProgress>;

const port = z.int().min(1).max(65_535);
/** TCP ports on which a host's QEMU takes guests in. */
export const migrationPorts = z.object({ min: port, max: port }).meta({ id: "MigrationPorts" });

export const hostFacts = z
  .object({
    host: hostName,
    hostUuid: uuid.describe("libvirt's uuid of the host."),
    hypervisorType: z.string(),
    hypervisorVersion: count.describe("major * 1,000,000 + minor * 1,000 + release"),
    libvirtVersion: count.describe("major * 1,000,000 + minor * 1,000 + release"),
    cpuArch: z.string(),
    cpuModel: z.string(),
    cpus: count,
    memoryKiB: count,
    inboundAddress: z.string().describe("Where other hosts send memory to."),
    libvirtUri: z.string().describe("Where the source's libvirtd reaches this host's."),
    addresses: z
      .array(z.string())
      .readonly()
      .optional()
      .describe("The host's own that others could reach; without it, the agent does not say (before 1.4)."),
    migrationPorts: migrationPorts
      .optional()
      .describe("On which its QEMU takes guests in, by qemu.conf; without it, the agent does not say (before 1.4)."),
  })
  .meta({ id: "HostFacts" }) satisfies z.ZodType<HostFacts>;

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

export const observedGuest = z
  .object({
    uuid,
    name: z.string().min(1),
    powerState,
    persistent: z.boolean().describe("libvirt keeps a definition on disk."),
    vcpus: count,
    memoryKiB: count,
    migrating: z.boolean().describe("libvirt copies it at this moment, whoever asked for it."),
    metadata: z
      .record(z.string().max(255), z.string().max(255))
      .optional()
      .describe("What its operators say of it, for policies."),
  })
  .meta({ id: "ObservedGuest" }) satisfies z.ZodType<ObservedGuest>;

export const guestStanding = z
  .enum(GUEST_STANDINGS)
  .describe(
    "Where this host stands with the guest: `absent`, `off` (a definition alone), `running`, `paused` (not by a migration), " +
      "`paused-by-migration` (stopped to be switched over, or never started here), `post-copy` (runs here, memory still comes " +
      "in), `left-in-post-copy` (runs on the other host, memory still goes out), `post-copy-broken`.",
  );

export const guestJob = z
  .enum(["none", "outgoing", "incoming", "other"])
  .describe("libvirt's job on the guest at this moment.");

export const preCheck = z
  .object({
    check: z.string().describe("Its name, for programs."),
    passed: z.boolean(),
    message: z.string(),
  })
  .meta({ id: "PreCheck" }) satisfies z.ZodType<PreCheck>;

export const eliminatedHost = z
  .object({
    host: z.string(),
    by: z.string().describe("The filter that removed it."),
    reason: z.string(),
  })
  .meta({ id: "EliminatedHost" }) satisfies z.ZodType<EliminatedHost>;

export const hostWeight = z
  .object({
    weigher: z.string(),
    value: z.number().describe("What was measured, larger being better: free KiB, or a count below zero."),
    score: z.number().describe("The value scaled to 0–1 over the hosts that were compared."),
    multiplier: z.number().describe("How much the score counts."),
  })
  .meta({ id: "HostWeight" }) satisfies z.ZodType<HostWeight>;

export const migrationPriority = z
  .int()
  .min(-100)
  .max(100)
  .describe("Orders what waits for a slot: the larger goes first, and of equal ones the older. 0 unless it is said.");

export const chosenFlag = z
  .object({
    name: z.string().describe("libvirt's name of the flag or parameter."),
    value: z
      .union([z.string(), z.number(), z.boolean()])
      .optional()
      .describe("Of a parameter; false for a flag that would be used and that is left out."),
    reason: z.string(),
  })
  .meta({ id: "ChosenFlag" }) satisfies z.ZodType<ChosenFlag>;

const destinationTls = z
  .object({
    required: z.boolean().describe("The operator of the destination wants no migration in the clear."),
    missing: z.string().nullable().describe("Why its QEMU cannot use TLS, as the end of a sentence; null when it can."),
    verifiedName: z
      .enum(["inbound-address", "host"])
      .nullable()
      .describe("What its certificate is to be checked against; null when it has none."),
  })
  .meta({ id: "DestinationTls" }) satisfies z.ZodType<DestinationTls>;

export const destinationPreparation = z
  .object({
    libvirtUri: z.string().describe("Where the source's libvirtd reaches the destination's."),
    inboundAddress: z.string().describe("Name or address that the source sends memory and disks to."),
    listenAddress: z
      .string()
      .optional()
      .describe("Address that the destination takes them in on; without it, the same (before 1.2)."),
    consoleAddress: z
      .string()
      .optional()
      .describe("Address on which guests' consoles listen there; without it, it does not say. Since 1.3."),
    networks: z
      .record(z.string(), z.string())
      .optional()
      .describe("What it calls networks, by the fleet's names of them; without it, it does not say. Since 1.3."),
    postCopyObstacle: z
      .string()
      .nullish()
      .describe("Why its QEMU cannot take a guest in by post-copy, as the end of a sentence. Since 1.3."),
    nativeTls: destinationTls.optional().describe("Without it, the destination does not say (before 1.2)."),
    disks: z.array(preparedDisk).readonly().optional().describe("What becomes of the guest's disks. Since 1.2."),
  })
  .meta({ id: "DestinationPreparation" }) satisfies z.ZodType<DestinationPreparation>;

const hostWord = z
  .object({
    host: z.string(),
    standing: z.enum([...GUEST_STANDINGS, "silent"]).describe("`silent`: nobody answered for the host."),
    job: guestJob,
  })
  .meta({ id: "HostWord" }) satisfies z.ZodType<HostWord>;

/** Why a record that was in doubt says what it says. */
export const migrationProof = z
  .object({
    at: z.string().describe("ISO 8601, UTC."),
    finding: z.enum(MIGRATION_EVENTS).describe("The arrow of the state table that the words stand for."),
    message: z.string(),
    source: hostWord,
    destination: hostWord.nullable().describe("Null when none was ever chosen."),
  })
  .meta({ id: "MigrationProof" }) satisfies z.ZodType<MigrationProof>;

/** Who a migration is about; the name is for messages. */
export const guestReference = z.object({ serverUuid: uuid, serverName: z.string().describe("For messages.") });

/** A command that belongs to one migration: an agent drops what is older than what it has seen. */
export const migrationCommand = guestReference.extend({
  migrationUuid: uuid,
  generation: count.describe("The record's generation when the command was written."),
});

export const nothing = z.object({});

/** Roles are the API's: whoever calls says it, and the broker vouches for who that is. */
export const asAdmin = z
  .boolean()
  .optional()
  .describe("The caller answers for it that an administrator asks: then a lock of the server is no obstacle.");
