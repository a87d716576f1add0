import {
  type Domain,
  isLibvirtError,
  type JobStats,
  type LibvirtConnection,
  VIR_DOMAIN_PAUSED_REASON,
  VIR_DOMAIN_RUNNING_REASON,
  VIR_DOMAIN_STATE,
} from "@drover/libvirt";
import { type GuestStanding, isActive, isDroverError, type ObservedGuest } from "@drover/model";
import { powerStateOf } from "../guest/power-state.ts";
import { readServerMetadata } from "../guest/server-metadata.ts";
import type { GuestHere } from "../migration/decide-outcome.ts";
import { isOutgoingMigration, jobStanding } from "../migration/job-reading.ts";

/** A guest by its uuid alone: libvirt looks at nothing else (`get_nonnull_domain`, any version). */
export function domainOf(guest: { readonly serverUuid: string; readonly serverName: string }): Domain {
  return { name: guest.serverName, uuid: guest.serverUuid, id: -1 };
}

/** The answer, or null when libvirt has no such guest. Other refusals are thrown. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isLibvirtError(error, "VIR_ERR_NO_DOMAIN")) return null;
    throw error;
  }
}

/** What kind of job is under way on an active guest. */
export type GuestJob = "none" | "outgoing" | "incoming" | "other";

/**
 * The job of an active guest. On the host that a guest comes to, libvirt refuses job stats ("available only on the
 * source host", `qemuDomainGetJobStatsInternal`, 9.0.0): that refusal is how an incoming migration is known. A guest
 * that stopped meanwhile is refused too, so it is looked at once more.
 */
async function readGuestJob(connection: LibvirtConnection, domain: Domain): Promise<GuestJob> {
  let stats: JobStats;
  try {
    stats = await connection.domain.getJobStats(domain);
  } catch (error) {
    if (isLibvirtError(error, "VIR_ERR_OPERATION_UNSUPPORTED")) return "incoming";
    if (!isLibvirtError(error, "VIR_ERR_OPERATION_INVALID")) throw error;
    const { state } = await connection.domain.getState(domain);
    return isActive(powerStateOf(state)) ? "incoming" : "none";
  }
  if (jobStanding(stats) !== "active") return "none";
  if (stats.operation === "migration-in") return "incoming";
  return isOutgoingMigration(stats) ? "outgoing" : "other";
}

/**
 * One guest as it is now; null when libvirt has it no longer.
 *
 * @param jobIfHeld What its job is taken for when something holds the guest so long that libvirt does not say. @default rejects
 */
export async function readGuest(
  connection: LibvirtConnection,
  domain: Domain,
  jobIfHeld?: GuestJob,
): Promise<{ readonly guest: ObservedGuest; readonly job: GuestJob } | null> {
  const readJob = () =>
    readGuestJob(connection, domain).catch((error: unknown) => {
      if (jobIfHeld !== undefined && isHeld(error)) return jobIfHeld;
      throw error;
    });
  const read = async () => {
    const [info, persistent, metadata] = await Promise.all([
      connection.domain.getInfo(domain),
      connection.domain.isPersistent(domain),
      readServerMetadata(connection, domain),
    ]);
    const powerState = powerStateOf(info.state);
    const job = isActive(powerState) ? await readJob() : "none";
    const guest = {
      uuid: domain.uuid,
      name: domain.name,
      powerState,
      persistent,
      vcpus: info.nrVirtCpu,
      memoryKiB: Number(info.maxMem),
      migrating: job === "incoming" || job === "outgoing",
      metadata,
    };
    return { guest, job };
  };
  return unlessGone(read());
}

/** libvirt waits 30 s for whatever holds a guest (QEMU_JOB_WAIT_TIME, 9.0.0), and so do we. */
function isHeld(error: unknown): boolean {
  return isLibvirtError(error, "VIR_ERR_OPERATION_TIMEOUT") || isDroverError(error, "deadline-exceeded");
}

/** What decides about a guest's copies: see {@link GuestStanding}. */
export interface WhereItStands {
  readonly guest: ObservedGuest | null;
  readonly standing: GuestStanding;
  readonly job: GuestJob;
}

/** How this host stands with a guest, now. Rejects when libvirt cannot be asked. */
export async function readStanding(connection: LibvirtConnection, domain: Domain): Promise<WhereItStands> {
  const found = await readGuest(connection, domain);
  // The state after the job: a migration that ends in between is seen with its end's state, never with the one before.
  const state = found === null ? null : await unlessGone(connection.domain.getState(domain));
  if (found === null || state === null) return { guest: null, standing: "absent", job: "none" };
  const standing = standingOf(state);
  return { guest: found.guest, standing, job: standing === "off" ? "none" : found.job };
}

/** libvirt's state and reason as a standing (reasons for post-copy: 1.3.3; a failed one on its destination: 8.5.0). */
export function standingOf({ state, reason }: { readonly state: number; readonly reason: number }): GuestStanding {
  if (!isActive(powerStateOf(state))) return "off";
  if (state !== VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED) return RUNNING_STANDINGS.get(reason) ?? "running";
  return PAUSED_STANDINGS.get(reason) ?? "paused";
}

const RUNNING_STANDINGS: ReadonlyMap<number, GuestStanding> = new Map([
  [VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_POSTCOPY, "post-copy"],
  [VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, "post-copy-broken"],
]);

const PAUSED_STANDINGS: ReadonlyMap<number, GuestStanding> = new Map([
  [VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_MIGRATION, "paused-by-migration"],
  [VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_STARTING_UP, "paused-by-migration"],
  [VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_POSTCOPY, "left-in-post-copy"],
  [VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, "post-copy-broken"],
]);

/** Where the guest of a migration that ended stands on this host. Rejects when libvirt cannot be asked. */
export async function readWhereabouts(connection: LibvirtConnection, domain: Domain): Promise<GuestHere> {
  const state = await unlessGone(connection.domain.getState(domain));
  if (state === null) return "gone";
  switch (standingOf(state)) {
    case "absent":
    case "off":
      return "gone";
    case "left-in-post-copy":
    case "post-copy-broken":
      return "left-in-post-copy";
    case "paused":
    case "paused-by-migration":
      return "paused";
    case "running":
    case "post-copy":
      return "running";
  }
}

/**
 * A migration set it running here, and nobody has stopped it since. libvirt does so when the source's libvirt has told it that
 * memory and disks are all sent (`qemuMigrationDstFinishActive`, 9.0.0), and in post-copy when memory is; a guest that a person
 * started, or resumed, has another reason.
 */
export function isSetRunningByMigration(state: { readonly state: number; readonly reason: number }): boolean {
  return (
    state.state === VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING &&
    state.reason === VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_MIGRATED
  );
}

/** The source's copy of a guest that post-copy moved away (1.3.3). */
export function isLeftInPostCopy(state: { readonly state: number; readonly reason: number }): boolean {
  const standing = standingOf(state);
  return standing === "left-in-post-copy" || standing === "post-copy-broken";
}
