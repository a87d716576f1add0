/**
 * What one host's agent answers. Two topics, so that an abort never stands in line behind slow work: `compute` for
 * work, `compute-control` for abort, force-complete and questions.
 *
 * Version history: 1.0 the first release; 1.1 questions are answered with the guest's standing and with what the state
 * file knows, and clean-up is told what is proved of the other host; 1.2 the destination is told of the guest's disks, prepares
 * those that are copied and says which they are and on which address it listens, fetches the content of read-only ones, and
 * both sides say what they have for TLS; 1.3 limits of a running copy are changed, a broken post-copy is resumed, and a
 * force-complete may name how, and a destination says where guests' consoles
 * listen and what it calls networks; 1.4 hosts are proved to see the same storage, and disks on it stay where they are; a source
 * tries to reach a destination, and says what its libvirt is; guests are paused and unpaused; an abort and a force-complete say when
 * they were asked for, so that one that was refused can be asked for again. Agents are upgraded before conductors.
 */
import { defineCall, defineCast } from "@drover/bus";
import { z } from "zod";
import { forceCompleteMethod, migrationPolicy, tuningLimits } from "./policy-schemas.ts";
import {
  destinationPreparation,
  guestJob,
  guestReference,
  guestStanding,
  hostName,
  migrationCommand,
  migrationPorts,
  nothing,
  observedGuest,
  preCheck,
  uuid,
} from "./schemas.ts";
import { guestDisk, storageProof } from "./storage-schemas.ts";

const count = z.number().int().nonnegative();

const version = "1.4";
const work = { topic: "compute", version } as const;
const control = { topic: "compute-control", version } as const;
/** A call that may take half a minute and more: an agent that died meanwhile is noticed long before that. */
const long = { deadlineMs: 30_000, monitorTimeoutMs: 10_000, idempotent: true } as const;

/** Whoever asks libvirtd may hear these. */
const fromLibvirt = {
  unavailable: "libvirtd on the host is away, or the agent is stopping.",
  libvirt: "libvirtd said no; `details` has its code and domain.",
} as const;

/** What every command of one migration may be answered with: see {@link migrationCommand}. */
const fenced = { refused: "The command is older than one that this agent has seen of the migration." } as const;

const removeRemnant = z
  .boolean()
  .default(false)
  .describe("The other host's word proves that the guest is there: a copy that stands still here is destroyed.");

const sourceTls = z
  .object({
    required: z.boolean().describe("The operator of the source wants no migration in the clear."),
    missing: z.string().nullable().describe("Why its QEMU cannot use TLS, as the end of a sentence; null when it can."),
    authorityPem: z.string().nullable().describe("The authorities by which it checks the destination (ca-cert.pem)."),
    clientPem: z.string().nullable().describe("The certificate that it shows (client-cert.pem)."),
  })
  .meta({ id: "SourceTls" });
/** What the source's QEMU has for TLS; certificates are public. */
export type SourceTls = z.infer<typeof sourceTls>;

const sourceLibvirtTls = z
  .object({
    authorityPem: z.string().nullable().describe("The authorities by which its libvirtd checks others (cacert.pem)."),
    clientPem: z.string().nullable().describe("The certificate that its libvirtd shows to others (clientcert.pem)."),
    pkipath: z
      .string()
      .nullable()
      .default(null)
      .describe("Folder that they were read from: `pkipath` of its own URI; null is libvirt's own places. Since 1.3."),
  })
  .meta({ id: "SourceLibvirtTls" });
/** What the source's libvirtd has for TLS with another; null where it has none. */
export type SourceLibvirtTls = z.output<typeof sourceLibvirtTls>;

const guestRequirements = z
  .object({
    memoryKiB: z.number().int().nonnegative(),
    vcpus: z.number().int().nonnegative(),
    cpuXml: z.string().nullable().describe("The live `<cpu>` element of the guest; null when it has none."),
    cpuOf: z
      .enum(["guest", "host"])
      .optional()
      .describe(
        "`host`: `cpuXml` is the source's own processor, which the guest was given, to be compared with the destination's own. " +
          "`guest`, and without it: with what its hypervisor can give. Since 1.4.",
      ),
    virtType: z.string().describe("libvirt's virt type: `kvm` or `qemu`."),
    machineType: z.string(),
    hypervisorVersion: z.number().int(),
    libvirtVersion: z.number().int().optional().describe("Without it, the source does not say (before 1.4)."),
    hostUuid: uuid.describe("libvirt's uuid of the source: a host cannot migrate to itself under another name."),
    disks: z.array(guestDisk).default([]),
    proofs: z.array(storageProof).readonly().optional().describe("What `prove_storage` has answered. Since 1.4."),
    libvirtTls: sourceLibvirtTls
      .nullish()
      .describe("Without it, the source does not say (before 1.2), or may not read its own."),
    nativeTls: sourceTls.optional().describe("Without it, the source does not say (before 1.2)."),
    consoleAddresses: z
      .array(z.string())
      .optional()
      .describe(
        "Addresses of the source on which the guest's consoles listen; without it, it does not say. Since 1.3.",
      ),
    networks: z
      .array(z.string())
      .optional()
      .describe("The fleet's names of networks that the source calls otherwise and the guest is on. Since 1.3."),
  })
  .meta({ id: "GuestRequirements" });
/** What the source knows of the guest and a destination must be able to give. */
export type GuestRequirements = z.infer<typeof guestRequirements>;

const blockMigration = z.boolean().nullable().describe("Nova's `block_migration`; null is `auto`.");

export const checkCanLiveMigrateSource = defineCall({
  ...work,
  method: "check_can_live_migrate_source",
  access: "read",
  deadlineMs: 15_000,
  idempotent: true,
  description: "Can this guest leave? Every check is answered, failed or not. Changes nothing.",
  errors: fromLibvirt,
  request: guestReference.extend({
    migrationUuid: uuid,
    blockMigration,
    storageIsProved: z
      .boolean()
      .optional()
      .describe(
        "Destinations are given proofs of the source's storage, and `block_migration`: what depends on whether they see the " +
          "same storage is theirs to say. Since 1.4.",
      ),
  }),
  response: z.object({
    checks: z.array(preCheck),
    requirements: guestRequirements.nullable().describe("Null when the guest is not here."),
  }),
});

const sourceLibvirtUri = z
  .string()
  .optional()
  .describe(
    "Of the source, as its record has it: disks' contents are read there and nowhere else. Without it, any other machine's over " +
      "TCP or TLS (before 1.4).",
  );

export const checkCanLiveMigrateDestination = defineCall({
  ...work,
  method: "check_can_live_migrate_destination",
  access: "read",
  deadlineMs: 15_000,
  idempotent: true,
  description: "Can this host take the guest? Every check is answered, failed or not. Changes nothing.",
  errors: fromLibvirt,
  request: guestReference.extend({
    migrationUuid: uuid,
    sourceHost: hostName,
    requirements: guestRequirements,
    blockMigration: blockMigration.optional(),
    sourceLibvirtUri,
  }),
  response: z.object({
    checks: z.array(preCheck),
    memoryAvailableKiB: z
      .number()
      .int()
      .describe("Memory less what guests have, those on their way here aside: the upper bound for all claims."),
  }),
});

export const proveStorage = defineCall({
  ...work,
  ...long,
  method: "prove_storage",
  access: "command",
  description:
    "Makes a small volume of random name and content in each folder, through libvirt. A host that finds it has the same " +
    "storage there. Where none can be made the answer has no proof. Those that an earlier call made for the migration are " +
    "replaced; removed by `end_storage_proof`, and after five minutes by the agent itself.",
  errors: fromLibvirt,
  request: z.object({ migrationUuid: uuid, folders: z.array(z.string().startsWith("/")).max(64) }),
  response: z.object({ proofs: z.array(storageProof) }),
});

export const endStorageProof = defineCast({
  ...work,
  method: "end_storage_proof",
  access: "command",
  description: "Removes the volumes that `prove_storage` has made for the migration.",
  request: z.object({ migrationUuid: uuid }),
});

export const checkDestinationReach = defineCall({
  ...work,
  method: "check_destination_reach",
  access: "read",
  deadlineMs: 15_000,
  idempotent: true,
  description:
    "Can this host, the source, reach that destination over the network? Its libvirtd is dialled, with TLS where its URI says " +
    "so, and the first of its migration ports is tried. Asks nothing there, and changes nothing.",
  request: z.object({
    destinationHost: hostName,
    libvirtUri: z.string().describe("Where the source's libvirtd reaches the destination's."),
    inboundAddress: z.string().describe("Where the destination takes memory and disks in."),
    migrationPorts: migrationPorts.optional().describe("Without them no port is tried."),
  }),
  response: z.object({ checks: z.array(preCheck) }),
});

export const preLiveMigration = defineCall({
  ...work,
  ...long,
  method: "pre_live_migration",
  access: "command",
  deadlineMs: 900_000,
  beginsWithinMs: 60_000,
  description:
    "Makes the destination ready for the copy: what the guest's disks are copied into is made, and the content of read-only " +
    "ones is fetched from the source and compared, which takes as long as it takes. Repeating it is harmless; undone by `rollback_live_migration_at_destination`.",
  errors: {
    ...fromLibvirt,
    refused: `${fenced.refused} Or a disk cannot be prepared: something is in its place, or there is no room.`,
  },
  request: migrationCommand.extend({
    memoryKiB: z.number().int(),
    sourceHost: hostName,
    disks: z.array(guestDisk).default([]).describe("Of the guest, as the source has told them. Since 1.2."),
    proofs: z.array(storageProof).readonly().optional().describe("As in the check. Since 1.4."),
    blockMigration: blockMigration.optional(),
    sourceLibvirtUri,
  }),
  response: destinationPreparation,
});

const notAfterMs = z
  .number()
  .int()
  .describe("Wall clock, ms since 1970: a command that arrives later is dropped, and that is reported.");

export const liveMigration = defineCast({
  ...work,
  method: "live_migration",
  access: "command",
  description:
    "Starts the copy. Answered by `report_migration_event` (`started`), or by `report_migration_outcome`; sent again until " +
    "then. Dropped, and reported as `never-started`, after `notAfterMs` or when the agent has seen a newer generation.",
  request: migrationCommand.extend({
    notAfterMs,
    destinationHost: hostName,
    destination: destinationPreparation,
    memoryKiB: z.number().int(),
    policy: migrationPolicy,
    destinationVersions: z
      .object({ hypervisorVersion: count, libvirtVersion: count })
      .nullable()
      .optional()
      .describe("What the destination runs, for what versions cannot do together; null where it is not known."),
  }),
});

export const postLiveMigrationAtDestination = defineCall({
  ...work,
  ...long,
  method: "post_live_migration_at_destination",
  access: "command",
  description: "Settles the guest's definition on the host it arrived on.",
  errors: { ...fromLibvirt, ...fenced, "outcome-unknown": "The guest does not run here." },
  request: migrationCommand,
  response: z.object({
    runsByMigration: z
      .boolean()
      .optional()
      .describe(
        "libvirt here says that a migration set the guest running, which it does only when all of it has come: its disks are " +
          "whole. Since 1.4.",
      ),
  }),
});

export const postLiveMigration = defineCall({
  ...work,
  ...long,
  method: "post_live_migration",
  access: "command",
  description: "Removes what is left of a guest on the host it left. Never touches a guest that runs.",
  errors: { ...fromLibvirt, ...fenced, "outcome-unknown": "The guest is active here." },
  request: migrationCommand.extend({
    removeRemnant,
    removeCopiedDisks: z
      .boolean()
      .default(false)
      .describe(
        "The destination has settled the guest, which runs there on copies: what they were copied from is deleted.",
      ),
    copiesAreWhole: z
      .boolean()
      .optional()
      .describe(
        "The destination's libvirt says so (`runsByMigration`), whatever this agent saw of the copy's end. Since 1.4.",
      ),
  }),
  response: nothing,
});

export const rollbackLiveMigrationAtDestination = defineCall({
  ...work,
  ...long,
  method: "rollback_live_migration_at_destination",
  access: "command",
  description: "Releases what `pre_live_migration` prepared. Never touches a guest that runs.",
  errors: {
    ...fromLibvirt,
    ...fenced,
    "outcome-unknown": "The guest is active here.",
    unavailable: `${fromLibvirt.unavailable} Or libvirt still takes the copy back, or a definition was not to be removed.`,
  },
  request: migrationCommand.extend({
    removeRemnant,
    broughtDefinition: z
      .enum(["remove", "keep", "undecided"])
      .default("undecided")
      .describe(
        "What becomes of a shut-off definition that the migration brought, and of the disks made for it. `remove`: the source " +
          "has the guest. `keep`: it has not, so they may be the last of it, or what a third host uses. `undecided`: the " +
          "source did not answer; it is waited for.",
      ),
  }),
  response: nothing,
});

export const rollbackLiveMigration = defineCall({
  ...work,
  ...long,
  method: "rollback_live_migration",
  access: "command",
  description:
    "Brings the source back to before: a copy that runs all the same is called off, a guest that we suspended runs again, " +
    "and a start command that is still on its way is dropped when it comes.",
  errors: {
    ...fromLibvirt,
    ...fenced,
    "outcome-unknown": "The guest has not surely stayed.",
    unavailable: `${fromLibvirt.unavailable} Or the guest stands still, and may not be resumed yet.`,
  },
  request: migrationCommand.extend({
    stayed: z
      .boolean()
      .default(false)
      .describe("Both hosts' words prove that the guest did not leave, whatever this agent reported."),
    mayResume: z
      .boolean()
      .default(false)
      .describe("The destination has no copy that runs or could: a guest that the migration stopped may run again."),
  }),
  response: nothing,
});

const timedCommand = migrationCommand.extend({ notAfterMs });

/** What is sent again until it is answered is the same request; asked for once more after a refusal it is another. */
const askedCommand = timedCommand.extend({
  requestedAtMs: count.optional().describe("When it was asked for, ms since 1970. Since 1.4."),
});

export const liveMigrationAbort = defineCast({
  ...control,
  method: "live_migration_abort",
  access: "command",
  description: "Calls the copy off. Answered by the event `abort-sent` or `abort-refused`; sent again until then.",
  request: askedCommand,
});

export const liveMigrationForceComplete = defineCast({
  ...control,
  method: "live_migration_force_complete",
  access: "command",
  description:
    "Completes the copy whatever the standstill: post-copy where permitted, otherwise by suspending the guest. Answered by " +
    "the event `force-complete-sent` or `force-complete-refused`; sent again until then.",
  request: askedCommand.extend({ method: forceCompleteMethod.optional() }),
});

/** Which request of its migration a command carries: the answering event names it. */
const requestNumber = count.describe("The request that it carries; the answering event has it too.");

export const liveMigrationTune = defineCast({
  ...control,
  method: "live_migration_tune",
  access: "command",
  description:
    "Changes the limits of a running copy. Answered by the event `tuned` or `tune-refused`; sent again until then.",
  request: timedCommand.extend({ number: requestNumber, ...tuningLimits }),
});

export const liveMigrationResume = defineCast({
  ...control,
  method: "live_migration_resume",
  access: "command",
  description:
    "Resumes a post-copy whose link broke. Answered by the event `post-copy-resumed` or `resume-refused`; sent again until then.",
  request: timedCommand.extend({ number: requestNumber }),
});

const power = {
  ...control,
  access: "command",
  deadlineMs: 10_000,
  idempotent: true,
  errors: { ...fromLibvirt, refused: "In a migration, or left standing still by one, or off." },
  request: guestReference,
  response: nothing,
} as const;

export const pauseInstance = defineCall({
  ...power,
  method: "pause_instance",
  description: "Stops a guest's processors.",
});

export const unpauseInstance = defineCall({
  ...power,
  method: "unpause_instance",
  description: "Lets a paused guest run again. Never one that a migration has left standing still: its copy may run.",
});

export const findGuest = defineCall({
  ...control,
  method: "find_guest",
  access: "read",
  deadlineMs: 10_000,
  idempotent: true,
  description: "What this host's libvirt says about one guest, now. The question behind every doubt.",
  errors: fromLibvirt,
  request: z.object({ serverUuid: uuid, migrationUuid: uuid.nullable() }),
  response: z.object({
    guest: observedGuest.nullable().describe("Null when libvirt has no definition of it."),
    standing: guestStanding,
    job: guestJob,
    steering: z.boolean().describe("This agent steers that migration now."),
    known: z
      .object({
        generation: count,
        destinationHost: hostName,
        outcome: z.enum(["arrived", "stayed", "unknown"]).nullable(),
      })
      .nullable()
      .describe(
        "What the agent's file has of that migration: its start command, and how it ended. Null: it never started it.",
      ),
    recordsSeenAtMs: count.describe(
      "The newest time at which this agent was told that the records were written; 0 if never.",
    ),
  }),
});
