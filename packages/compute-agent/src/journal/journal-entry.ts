import { migrationPolicy } from "@drover/contracts";
import type {
  ChosenFlag,
  DestinationPreparation,
  MigrationOutcome,
  MigrationPolicy,
  MigrationProgress,
  PreparedDisk,
  SerializedError,
} from "@drover/model";
import { z } from "zod";

const uuid = z.string();
const count = z.number().int().nonnegative();

/** How a migration ended, kept until the conductor has it and for a while after, so that a repeated command is answered. */
export interface EndedMigration {
  readonly outcome: MigrationOutcome;
  readonly cause: "aborted" | "timed-out" | "failed" | "never-started" | null;
  readonly error: SerializedError | null;
  readonly progress: MigrationProgress | null;
  readonly acknowledged: boolean;
  readonly atMs: number;
}

/**
 * One migration that this host's guest leaves by, as the agent must know it after a restart. Written before libvirt is
 * asked to start it; without an entry a running job is foreign and never steered.
 */
export interface JournalEntry {
  readonly migrationUuid: string;
  /** Generation of the `live_migration` command; reports carry it. */
  readonly generation: number;
  readonly serverUuid: string;
  readonly serverName: string;
  readonly destinationHost: string;
  readonly destination: DestinationPreparation;
  readonly memoryKiB: number;
  readonly policy: MigrationPolicy;
  readonly flags: readonly ChosenFlag[];
  readonly startedAtMs: number;
  /** W3C trace context of the command that started it; null where nobody traced it. */
  readonly traceparent: string | null;
  /** How often an agent has taken it up: each time has sequence numbers of its own, above those before. */
  readonly incarnation: number;
  /** We suspended the guest to complete the copy: if it stays, it must run again. */
  readonly suspended: boolean;
  /** What we did to end the copy, if anything. */
  readonly stopped: "requested" | "time-limit" | null;
  /** How many steps of the policy's schedule are behind. */
  readonly stepsTaken: number;
  /** The standstill that a step of the schedule allowed, ms; null before. */
  readonly steppedDowntimeMs: number | null;
  /** The limits that a person set while it ran; null where none did. */
  readonly tuned: { readonly bandwidthMiBps: number | null; readonly downtimeMs: number | null };
  /** The policy's action was taken. */
  readonly limitActed: boolean;
  readonly ended: EndedMigration | null;
  /** The conductor's clean-up was carried out here: nothing of the migration is left. */
  readonly settled: boolean;
}

/** A volume on this host that a guest's disk is to be copied into. */
export interface MadeVolume {
  readonly path: string;
  readonly capacityBytes: number;
  /** False while libvirt may not have made it yet. */
  readonly made: boolean;
  /** It holds the content of a read-only disk, which its source has too. */
  readonly content?: boolean | undefined;
  /** It is the guest's folder, which the others are in. */
  readonly folder?: boolean | undefined;
}

/** A read-only disk's file that a migration has brought onto this host with its guest. */
export interface BroughtContent {
  readonly path: string;
  readonly serverUuid: string;
}

/** A volume that this host has made, or was about to, for another one to find: see `StorageProof`. */
export interface MadeProof {
  readonly migrationUuid: string;
  readonly path: string;
  readonly atMs: number;
}

/** A storage pool that was started on this host for a guest's disks. */
export interface ConnectedPool {
  readonly name: string;
  /** It was not defined here before. */
  readonly defined: boolean;
}

/** What `pre_live_migration` found and made, so that a rollback removes only what the migration brought. */
export interface PreparedEntry {
  readonly migrationUuid: string;
  readonly serverUuid: string;
  /** Undefined where an agent of before 1.4 wrote it. */
  readonly sourceHost?: string | undefined;
  readonly definedBefore: boolean;
  readonly volumes: readonly MadeVolume[];
  /** Names of the storage pools that the guest's disks are volumes of. */
  readonly pools: readonly string[];
  /** What becomes of the guest's disks; null until all of them are prepared. */
  readonly disks: readonly PreparedDisk[] | null;
  readonly atMs: number;
}

export interface JournalContent {
  readonly version: 1;
  readonly migrations: readonly JournalEntry[];
  readonly prepared: readonly PreparedEntry[];
  readonly brought: readonly BroughtContent[];
  readonly proofs: readonly MadeProof[];
  readonly pools: readonly ConnectedPool[];
  /** When this agent was last told that the records were written, ms since 1970: a database older than that was restored. */
  readonly recordsSeenAtMs: number;
}

const flag = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  reason: z.string(),
});

const progress = z.object({
  migrationUuid: uuid,
  sequence: count,
  observedAtMs: z.number(),
  phase: z.enum(["setup", "pre-copy", "post-copy", "paused", "completed"]),
  elapsedMs: z.number(),
  memoryTotalBytes: z.number(),
  memoryProcessedBytes: z.number(),
  memoryRemainingBytes: z.number(),
  memoryBytesPerSecond: z.number(),
  dirtyBytesPerSecond: z.number(),
  iteration: z.number(),
  diskTotalBytes: z.number(),
  diskProcessedBytes: z.number(),
  diskRemainingBytes: z.number(),
  expectedDowntimeMs: z.number(),
  downtimeLimitMs: z.number(),
  autoConvergeThrottlePercent: z.number(),
  downtimeMs: z.number().nullable(),
}) satisfies z.ZodType<MigrationProgress>;

const preparedDisk = z.object({
  target: z.string(),
  action: z.enum(["stays", "empty-drive", "copy", "content"]),
  path: z.string().nullable(),
  capacityBytes: count,
  reason: z.string(),
}) satisfies z.ZodType<PreparedDisk>;

const madeVolume = z.object({
  path: z.string(),
  capacityBytes: count,
  made: z.boolean(),
  content: z.boolean().optional(),
  folder: z.boolean().optional(),
}) satisfies z.ZodType<MadeVolume>;

const prepared = z.object({
  migrationUuid: uuid,
  serverUuid: uuid,
  sourceHost: z.string().optional(),
  definedBefore: z.boolean(),
  volumes: z.array(madeVolume).default([]),
  pools: z.array(z.string()).default([]),
  disks: z.array(preparedDisk).nullable().default(null),
  atMs: z.number(),
}) satisfies z.ZodType<PreparedEntry>;

const ended = z.object({
  outcome: z.enum(["arrived", "stayed", "unknown"]),
  cause: z.enum(["aborted", "timed-out", "failed", "never-started"]).nullable(),
  error: z
    .object({
      code: z.custom<SerializedError["code"]>(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
    })
    .nullable(),
  progress: progress.nullable(),
  acknowledged: z.boolean(),
  atMs: z.number(),
}) satisfies z.ZodType<EndedMigration>;

const writtenEntry = z.object({
  migrationUuid: uuid,
  generation: count,
  serverUuid: uuid,
  serverName: z.string(),
  destinationHost: z.string(),
  destination: z.object({
    libvirtUri: z.string(),
    inboundAddress: z.string(),
    disks: z.array(preparedDisk).optional(),
  }),
  memoryKiB: z.number(),
  policy: migrationPolicy,
  flags: z.array(flag),
  startedAtMs: z.number(),
  traceparent: z.string().nullable().default(null),
  incarnation: count,
  suspended: z.boolean(),
  stopped: z.enum(["requested", "time-limit"]).nullable(),
  stepsTaken: count.default(0),
  steppedDowntimeMs: z.number().nullable().default(null),
  tuned: z
    .object({ bandwidthMiBps: z.number().nullable(), downtimeMs: z.number().nullable() })
    .default({ bandwidthMiBps: null, downtimeMs: null }),
  limitActed: z.boolean(),
  ended: ended.nullable(),
  settled: z.boolean().optional(),
});

/** The release before did not say what was settled: what its conductor had acknowledged it had also cleaned up, or given up. */
const entry = writtenEntry.transform((written) => ({
  ...written,
  settled: written.settled ?? written.ended?.acknowledged === true,
})) satisfies z.ZodType<JournalEntry>;

/**
 * The file's form. A file of a later version fails at `version`, by name. What a release adds has a default and is passed
 * over by the release before: an agent can be upgraded, and taken back, in the middle of migrations.
 */
export const journalContent = z.object({
  version: z.literal(1),
  migrations: z.array(entry),
  prepared: z.array(prepared),
  brought: z.array(z.object({ path: z.string(), serverUuid: uuid })).default([]),
  proofs: z.array(z.object({ migrationUuid: uuid, path: z.string(), atMs: z.number() })).default([]),
  pools: z.array(z.object({ name: z.string(), defined: z.boolean() })).default([]),
  recordsSeenAtMs: count.default(0),
}) satisfies z.ZodType<JournalContent>;
