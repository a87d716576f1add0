/**
 * What Nova's API versions mean here, in one place. Versions are 2.N; code deals in N, the minor number. What each
 * brought: Nova's rest_api_version_history.
 */
import { NovaFault } from "./nova-fault.ts";

export const MIN_MINOR = 1;
export const MAX_MINOR = 90;

/** The first minor version of each thing that differs. */
export const SINCE = {
  attributesExtended: 3,
  locked: 9,
  forcedDown: 11,
  hostStatus: 16,
  description: 19,
  deletedServersActions: 21,
  forceComplete: 22,
  serverMigrations: 23,
  abort: 24,
  blockMigrationAuto: 25,
  tags: 26,
  cpuInfoObject: 28,
  migrateForce: 30,
  hypervisorPaging: 33,
  checksInBackground: 34,
  aggregateUuid: 41,
  flavorEmbedded: 47,
  computeUuids: 53,
  flavorDescription: 55,
  actionPaging: 58,
  migrationPaging: 59,
  flavorExtraSpecs: 61,
  actionEventHost: 62,
  trustedCertificates: 63,
  abortQueued: 65,
  changesBefore: 66,
  migrateForceRemoved: 68,
  serverGroups: 71,
  lockedReason: 73,
  hypervisorServersAlways: 75,
  migrationOwner: 80,
  actionEventDetails: 84,
  hypervisorWithoutCapacity: 88,
} as const;

/** A request's headers, in lower case. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What a request asked for: text to echo, and the minor version it means, or why it means none. */
export interface RequestedVersion {
  readonly shown: string;
  readonly minor: number | undefined;
  readonly fault: NovaFault | undefined;
}

export function requestedVersion(headers: Headers): RequestedVersion {
  const text = textOf(headers);
  if (text === undefined) return accepted(MIN_MINOR);
  if (text === "latest") return accepted(MAX_MINOR);
  const [, major, minor] = /^([1-9][0-9]*)\.([1-9][0-9]*|0)$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) {
    const message = `API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`;
    return { shown: `2.${MIN_MINOR}`, minor: undefined, fault: new NovaFault(400, message) };
  }
  if (major === "2" && Number(minor) >= MIN_MINOR && Number(minor) <= MAX_MINOR) return accepted(Number(minor));
  const message = `Version ${text} is not supported by the API. Minimum is 2.${MIN_MINOR} and maximum is 2.${MAX_MINOR}.`;
  return { shown: text, minor: undefined, fault: new NovaFault(406, message) };
}

function accepted(minor: number): RequestedVersion {
  return { shown: `2.${minor}`, minor, fault: undefined };
}

/** `OpenStack-API-Version: identity 3.1, compute 2.80` → `2.80`; the older header where that one says nothing of compute. */
function textOf(headers: Headers): string | undefined {
  const services = [headers["openstack-api-version"] ?? []].flat().join(",").split(",");
  for (const service of services) {
    const [name, version] = service.trim().split(/\s+/);
    if (name?.toLowerCase() === "compute" && version !== undefined) return version.toLowerCase();
  }
  return [headers["x-openstack-nova-api-version"] ?? []].flat()[0]?.trim().toLowerCase();
}

/** @throws {NovaFault} 404 where Nova does not know the call at that version. */
export function requireSince(minor: number, since: number): void {
  if (minor < since) throw new NovaFault(404, `API version 2.${minor} is not supported on this method.`);
}

/** @throws {NovaFault} 404 where Nova no longer knows the call at that version. */
export function requireBefore(minor: number, gone: number): void {
  if (minor >= gone) throw new NovaFault(404, `API version 2.${minor} is not supported on this method.`);
}
