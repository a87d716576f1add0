/**
 * What one host's agent answers. Two topics, so that an abort never stands in line behind slow work: `compute` for
 * work, `compute-control` for abort, force-complete and questions. Version history: 1.0 the first release.
 */
import { defineCall, defineCast } from "@drover/bus";
import { z } from "zod";
import {
  destinationPreparation,
  guestReference,
  hostName,
  migrationCommand,
  migrationPolicy,
  nothing,
  observedGuest,
  preCheck,
  uuid,
} from "./schemas.ts";

const version = "1.0";
const work = { topic: "compute", version } as const;
const control = { topic: "compute-control", version } as const;

/** What the source knows of the guest and a destination must be able to give. */
const guestRequirements = z.object({
  memoryKiB: z.number().int().nonnegative(),
  vcpus: z.number().int().nonnegative(),
  /** The live `<cpu>` element of the guest; null when it has none. */
  cpuXml: z.string().nullable(),
  /** libvirt's virt type: `kvm` or `qemu`. */
  virtType: z.string(),
  machineType: z.string(),
  hypervisorVersion: z.number().int(),
  /** libvirt's host uuid of the source: a host cannot migrate to itself under another name. */
  hostUuid: uuid,
});
export type GuestRequirements = z.infer<typeof guestRequirements>;

/** Can this guest leave? Every check is answered, failed or not. `requirements` is null when the guest is not here. */
export const checkCanLiveMigrateSource = defineCall({
  ...work,
  method: "check_can_live_migrate_source",
  access: "read",
  deadlineMs: 15_000,
  idempotent: true,
  request: guestReference.extend({ migrationUuid: uuid, blockMigration: z.boolean().nullable() }),
  response: z.object({ checks: z.array(preCheck), requirements: guestRequirements.nullable() }),
});

/** Can this host take the guest? Every check is answered, failed or not. Changes nothing on the host. */
export const checkCanLiveMigrateDestination = defineCall({
  ...work,
  method: "check_can_live_migrate_destination",
  access: "read",
  deadlineMs: 15_000,
  idempotent: true,
  request: guestReference.extend({ migrationUuid: uuid, sourceHost: hostName, requirements: guestRequirements }),
  response: z.object({
    checks: z.array(preCheck),
    /** Memory that guests could still be given, less what migrations hold: the upper bound for claims. */
    memoryAvailableKiB: z.number().int(),
  }),
});

/** Makes the destination ready for the copy. Repeating it is harmless; undone by `rollback_live_migration_at_destination`. */
export const preLiveMigration = defineCall({
  ...work,
  method: "pre_live_migration",
  access: "command",
  deadlineMs: 60_000,
  idempotent: true,
  request: migrationCommand.extend({ memoryKiB: z.number().int(), sourceHost: hostName }),
  response: destinationPreparation,
});

/**
 * Starts the copy. Answered by `report_migration_event` (`started`), or `report_migration_outcome`; sent again until
 * then. Dropped, and answered as `never-started`, after `notAfterMs` or when the agent has seen a newer generation.
 */
export const liveMigration = defineCast({
  ...work,
  method: "live_migration",
  access: "command",
  request: migrationCommand.extend({
    /** Wall clock, ms since 1970. */
    notAfterMs: z.number().int(),
    destinationHost: hostName,
    destination: destinationPreparation,
    memoryKiB: z.number().int(),
    policy: migrationPolicy,
  }),
});

/** Settles the guest's definition on the host it arrived on. Throws `outcome-unknown` when the guest does not run here. */
export const postLiveMigrationAtDestination = defineCall({
  ...work,
  method: "post_live_migration_at_destination",
  access: "command",
  deadlineMs: 30_000,
  idempotent: true,
  request: migrationCommand,
  response: nothing,
});

/** Removes what is left of a guest on the host it left. Never touches a guest that runs. */
export const postLiveMigration = defineCall({
  ...work,
  method: "post_live_migration",
  access: "command",
  deadlineMs: 30_000,
  idempotent: true,
  request: migrationCommand,
  response: nothing,
});

/** Releases what `pre_live_migration` prepared. Never touches a guest that runs. */
export const rollbackLiveMigrationAtDestination = defineCall({
  ...work,
  method: "rollback_live_migration_at_destination",
  access: "command",
  deadlineMs: 30_000,
  idempotent: true,
  request: migrationCommand,
  response: nothing,
});

/**
 * Brings the source back to before: a copy that runs all the same is called off, a guest that we suspended runs again,
 * and a start command that is still on its way is dropped when it comes. Throws `outcome-unknown` when the guest has not
 * surely stayed.
 */
export const rollbackLiveMigration = defineCall({
  ...work,
  method: "rollback_live_migration",
  access: "command",
  deadlineMs: 30_000,
  idempotent: true,
  request: migrationCommand,
  response: nothing,
});

const timedCommand = migrationCommand.extend({ notAfterMs: z.number().int() });

/** Calls the copy off. Answered by the event `abort-sent` or `abort-refused`; sent again until then. */
export const liveMigrationAbort = defineCast({
  ...control,
  method: "live_migration_abort",
  access: "command",
  request: timedCommand,
});

/** Completes the copy whatever the standstill: post-copy where permitted, otherwise by suspending the guest. */
export const liveMigrationForceComplete = defineCast({
  ...control,
  method: "live_migration_force_complete",
  access: "command",
  request: timedCommand,
});

/** What this host's libvirt says about one guest, now. The question behind every doubt. */
export const findGuest = defineCall({
  ...control,
  method: "find_guest",
  access: "read",
  deadlineMs: 10_000,
  idempotent: true,
  request: z.object({ serverUuid: uuid, migrationUuid: uuid.nullable() }),
  response: z.object({
    /** Null when libvirt has no definition of it. */
    guest: observedGuest.nullable(),
    job: z.enum(["none", "outgoing", "incoming", "other"]),
    /** This agent steers that migration now. */
    steering: z.boolean(),
  }),
});
