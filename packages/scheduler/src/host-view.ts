import { type GuestSighting, type Host, type HostFacts, isActive, isHostUp } from "@drover/model";
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
}

/** Joins hosts, guests and claims. A guest on its way counts once: by its claim, until the host itself reports it active. */
export function viewHosts(
  hosts: readonly Host[],
  guests: readonly GuestSighting[],
  claims: readonly DestinationClaim[],
  now: Date,
): readonly HostView[] {
  const usedKiB = new Map<string, number>();
  for (const guest of guests) {
    if (isActive(guest.powerState)) usedKiB.set(guest.host, (usedKiB.get(guest.host) ?? 0) + guest.memoryKiB);
  }
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
    };
  });
}
