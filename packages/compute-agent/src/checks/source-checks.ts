import { isActive, type PowerState, type PreCheck } from "@drover/model";
import type { GuestDefinition, GuestDisk } from "../guest/guest-definition.ts";

/** What is known of the guest on the host that it is to leave. */
export interface SourceFacts {
  readonly host: string;
  readonly serverUuid: string;
  readonly serverName: string;
  /** Null when libvirt has no such guest here. */
  readonly guest: { readonly powerState: PowerState; readonly definition: GuestDefinition } | null;
  /** A job (migration, snapshot, save, …) is under way on the guest. */
  readonly jobUnderWay: boolean;
  /** What the requester asked for; null leaves it to Drover. */
  readonly blockMigration: boolean | null;
}

/** Can this guest leave? Every check is answered, so that all that must be mended is known at once. */
export function sourceChecks(facts: SourceFacts): readonly PreCheck[] {
  const { guest, host, serverName } = facts;
  if (guest === null) {
    return [fail("guest-exists", `${serverName} (${facts.serverUuid}) is not on ${host}; refresh the list of servers`)];
  }
  return [
    pass("guest-exists", `${serverName} is on ${host}`),
    activeCheck(serverName, guest.powerState),
    facts.jobUnderWay
      ? fail("no-job", `a job is under way on ${serverName}; wait for its end or abort it`)
      : pass("no-job", `no job is under way on ${serverName}`),
    pinnedCheck(serverName, guest.definition.pinnedDevices),
    storageCheck(facts, guest.definition.disks),
  ];
}

function activeCheck(name: string, powerState: PowerState): PreCheck {
  if (isActive(powerState)) return pass("guest-active", `${name} is ${powerState}`);
  return fail("guest-active", `${name} is ${powerState}: only an active guest can be moved live; start it first`);
}

function pinnedCheck(name: string, devices: readonly string[]): PreCheck {
  if (devices.length === 0) return pass("host-devices", `${name} holds no device of this host`);
  return fail("host-devices", `${name} holds ${devices.join(", ")} of this host; detach it before the migration`);
}

/**
 * Storage must be reachable from both hosts, and this release copies no disks. Only network disks are shared beyond
 * doubt; a file or block device of the same path may be another one there. Read-only and empty drives hold nothing
 * that changes.
 */
function storageCheck({ serverName, blockMigration }: SourceFacts, disks: readonly GuestDisk[]): PreCheck {
  const local = disks.filter((disk) => disk.type !== "network" && !disk.readOnly && disk.source !== null);
  if (local.length > 0) {
    const named = local.map((disk) => `${disk.target} (${disk.type} ${disk.source})`).join(", ");
    return fail(
      "storage",
      `${serverName} has writable disks on local storage: ${named}; this release does not copy disks: ` +
        "move them to network storage (iSCSI, NBD, RBD) that both hosts reach, or detach them",
    );
  }
  if (blockMigration === true) {
    return fail(
      "storage",
      `copying the disks of ${serverName} was asked for, and this release does not copy disks; ask without it, ` +
        "since none of them is local",
    );
  }
  return pass("storage", `${serverName} has no writable disk on local storage`);
}

function pass(check: string, message: string): PreCheck {
  return { check, passed: true, message };
}

function fail(check: string, message: string): PreCheck {
  return { check, passed: false, message };
}
