import { isActive, type PowerState, type PreCheck } from "@drover/model";
import type { GuestDefinition } from "../guest/guest-definition.ts";
import { storageCheck } from "../storage/storage-check.ts";

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
  /** Its destination judges what depends on whether both hosts see one storage. */
  readonly storageIsProved: boolean;
}

/** Can this guest leave? Every check is answered, so that all that must be mended is known at once. */
export function sourceChecks(facts: SourceFacts): readonly PreCheck[] {
  const { guest, host, serverName, blockMigration, storageIsProved } = facts;
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
    storageCheck({ serverName, disks: guest.definition.disks, blockMigration, storageIsProved }),
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

function pass(check: string, message: string): PreCheck {
  return { check, passed: true, message };
}

function fail(check: string, message: string): PreCheck {
  return { check, passed: false, message };
}
