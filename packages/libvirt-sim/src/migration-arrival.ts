import { VIR_DOMAIN_PAUSED_REASON, VIR_DOMAIN_RUNNING_REASON, VIR_DOMAIN_STATE, VIR_MIGRATE } from "@drover/libvirt";
import { type DomainDefinition, withName } from "./domain-xml.ts";
import { checkSameGuest } from "./guest-abi.ts";
import type { MigrationRequest } from "./migration-request.ts";
import { internalError } from "./refusals.ts";
import type { SimulatedGuest } from "./simulated-guest.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { SimulatedMigration } from "./simulated-migration.ts";

/** The destination's side of a migration: a guest that waits for its memory, and what was there before it. */
export interface Arrival {
  readonly host: SimulatedHost;
  readonly guest: SimulatedGuest;
  /** The shut-off definition of the same guest that the destination already had, or null. */
  readonly before: DomainDefinition | null;
}

/**
 * Lets the destination prepare: it takes the guest in, paused, with memory set aside.
 *
 * @throws {LibvirtError} when it is the source itself, has the name or UUID already, or lacks the memory or a
 *   volume; the destination then holds nothing.
 */
export function chooseArrival(migration: SimulatedMigration, host: SimulatedHost): Arrival {
  const { guest, request, source } = migration;
  if (host.uuid === source.uuid) throw internalError(`Attempt to migrate guest to the same host ${host.uuid}`);
  const asked = request.destinationDefinition ?? guest.definition;
  checkSameGuest(guest.definition, asked);
  const definition = request.destinationName === null ? asked : withName(asked, request.destinationName);
  host.checkRoomFor(definition);
  host.pools.mustHave(definition.volumes);
  const known = host.findByUuid(definition.uuid);
  const before = known?.definition ?? null;
  const arriving = host.takeIn(definition);
  arriving.incoming = migration;
  arriving.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_STARTING_UP);
  return { host, guest: arriving, before };
}

/** The migration failed: the waiting guest is killed, and a definition that was there before is as it was. */
export function discard(arrival: Arrival): void {
  const { host, guest, before } = arrival;
  guest.incoming = null;
  if (before !== null) guest.nextDefinition = before;
  host.stop(guest, "failed");
}

/** Makes the arrived guest's definition permanent if that was asked. libvirt does it before the guest starts. */
export function settle(arrival: Arrival, request: MigrationRequest): void {
  if ((request.flags & VIR_MIGRATE.VIR_MIGRATE_PERSIST_DEST) === 0) return;
  const { host, guest } = arrival;
  const isNew = !guest.persistent;
  guest.persistent = true;
  guest.nextDefinition = request.persistentDefinition;
  host.emitLifecycle(guest, isNew ? "definedAdded" : "definedUpdated");
}

export type ArrivalState = "running" | "paused" | "post-copy" | "post-copy-failed" | "post-copy-done";

/** Puts the arrived guest into a state, with the event that libvirt sends for it. */
export function arrive(arrival: Arrival, state: ArrivalState): void {
  const { host, guest } = arrival;
  const { VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED } = VIR_DOMAIN_STATE;
  switch (state) {
    case "running":
      guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_MIGRATED);
      host.emitLifecycle(guest, "resumedMigrated");
      return;
    case "paused":
      guest.turn(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_USER);
      host.emitLifecycle(guest, "suspendedPaused");
      return;
    case "post-copy":
      guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_POSTCOPY);
      host.emitLifecycle(guest, "resumedPostCopy");
      return;
    case "post-copy-failed":
      // libvirt calls it running still: it goes on until it needs a page that has not arrived.
      guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED);
      host.emitLifecycle(guest, "resumedPostCopyFailed");
      return;
    case "post-copy-done":
      guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_MIGRATED);
      host.emitLifecycle(guest, "resumedMigrated");
  }
}
