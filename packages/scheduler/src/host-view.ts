import { type GuestSighting, type Host, type HostFacts, isActive, isHostUp, type Migration } from "@drover/model";
import type { DestinationClaim } from "@drover/store";

/** What filters and weighers look at: one host, with what is used and claimed on it. */
export interface HostView {
  readonly name: string;
  readonly up: boolean;
  readonly lastSeenAt: Date;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly facts: HostFacts;
  /** Memory of the guests that are active on it, KiB. */
  readonly usedMemoryKiB: number;
  /** Memory claimed for guests on their way to it, KiB. */
  readonly claimedMemoryKiB: number;
  readonly incomingMigrations: number;
  /** Migrations to it that failed lately. */
  readonly recentFailures: number;
}

/** What is known of the fleet at one moment. */
export interface FleetRecords {
  readonly hosts: readonly Host[];
  readonly guests: readonly GuestSighting[];
  readonly claims: readonly DestinationClaim[];
  /** Migrations that failed lately. */
  readonly failures: readonly Pick<Migration, "destinationHost">[];
}

/** Joins hosts, guests and claims. A guest on its way counts once: by its claim, until the host itself reports it active. */
export function viewHosts({ hosts, guests, claims, failures }: FleetRecords, now: Date): readonly HostView[] {
  const usedKiB = new Map<string, number>();
  for (const guest of guests) {
    if (isActive(guest.powerState)) usedKiB.set(guest.host, (usedKiB.get(guest.host) ?? 0) + guest.memoryKiB);
  }
  const failed = new Map<string, number>();
  for (const { destinationHost: host } of failures) if (host !== null) failed.set(host, (failed.get(host) ?? 0) + 1);
  const claimsOf = Map.groupBy(claims, (claim) => claim.host);
  return hosts.map((host) => {
    const name = host.facts.host;
    const claimed = claimsOf.get(name) ?? [];
    return {
      name,
      up: isHostUp(host, now),
      lastSeenAt: host.lastSeenAt,
      enabled: host.enabled,
      disabledReason: host.disabledReason,
      facts: host.facts,
      usedMemoryKiB: usedKiB.get(name) ?? 0,
      claimedMemoryKiB: claimed.reduce((sum, claim) => sum + claim.memoryKiB, 0),
      incomingMigrations: claimed.length,
      recentFailures: failed.get(name) ?? 0,
    };
  });
}
