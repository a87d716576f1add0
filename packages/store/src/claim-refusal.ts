import { DroverError } from "@drover/model";
import type { DestinationClaim } from "./migration-store.ts";

/** What may be claimed on one host in all. */
export interface ClaimLimits {
  /** Its memory less what its guests use, KiB. */
  readonly memoryKiB: number;
  readonly maxIncoming: number;
  /** Migrations that leave a host at the same time where it has no limit of its own. @default no limit */
  readonly maxOutgoing?: number | undefined;
  /** Servers that are to be kept apart from the one that is to come. @default none */
  readonly apart?: ServersApart | undefined;
}

/** The others of a group with `anti-affinity`. */
export interface ServersApart {
  readonly group: string;
  readonly servers: readonly string[];
  /** So many of the group may share a host. */
  readonly maxPerHost: number;
}

/**
 * Why `claim` cannot be had beside `claims`, those that others have on the same host; undefined when it can. The store asks
 * it under the host's lock before it writes a claim; anybody may ask it for what would be answered.
 */
export function claimRefusal(
  claim: DestinationClaim,
  claims: readonly DestinationClaim[],
  limits: ClaimLimits,
): DroverError | undefined {
  const claimedKiB = claims.reduce((sum, other) => sum + other.memoryKiB, 0);
  if (claims.length >= limits.maxIncoming) return tooManyIncoming(claim, claims.length, limits.maxIncoming);
  if (claimedKiB + claim.memoryKiB > limits.memoryKiB) return tooLittleMemory(claim, claimedKiB, limits.memoryKiB);
  return undefined;
}

function tooManyIncoming(claim: DestinationClaim, claims: number, maxIncoming: number): DroverError {
  return new DroverError(
    "refused",
    `${claim.host} already takes in ${claims} migrations of ${maxIncoming} allowed; wait for one to end`,
    { details: { host: claim.host, limit: "maxIncoming", claims, maxIncoming } },
  );
}

function tooLittleMemory(claim: DestinationClaim, claimedKiB: number, limitKiB: number): DroverError {
  const leftKiB = limitKiB - claimedKiB;
  return new DroverError(
    "refused",
    `${claim.host} has ${leftKiB} KiB of memory left for incoming guests, ${claim.memoryKiB} KiB are needed`,
    { details: { host: claim.host, limit: "memoryKiB", leftKiB, neededKiB: claim.memoryKiB, claimedKiB } },
  );
}
