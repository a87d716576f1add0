import {
  type Aggregate,
  type Host,
  type HostFacts,
  type HostMaintenance,
  isHostUp,
  type Migration,
  zoneOfHost,
} from "@drover/model";
import type { HostUsage, ListedClaim } from "@drover/store";

/** What filters and weighers look at: one host, with what is used and claimed on it. */
export interface HostView {
  readonly name: string;
  readonly up: boolean;
  readonly lastSeenAt: Date;
  readonly forcedDown: boolean;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly maintenance: HostMaintenance | null;
  readonly facts: HostFacts;
  readonly availabilityZone: string;
  /** Those that it is in. */
  readonly aggregates: readonly Aggregate[];
  /** Memory of the guests that are active on it, KiB. */
  readonly usedMemoryKiB: number;
  /** Processors of the guests that are active on it. */
  readonly usedVcpus: number;
  /** Memory claimed for guests on their way to it, KiB. */
  readonly claimedMemoryKiB: number;
  readonly incomingMigrations: number;
  /** Migrations to it that failed lately. */
  readonly recentFailures: number;
}

/** What is known of the fleet at one moment. */
export interface FleetRecords {
  readonly hosts: readonly Host[];
  /** By host. */
  readonly usage: ReadonlyMap<string, HostUsage>;
  readonly claims: readonly ListedClaim[];
  readonly aggregates: readonly Aggregate[];
  /** Migrations that failed lately. */
  readonly failures: readonly Pick<Migration, "destinationHost">[];
}

/** Joins hosts, guests and claims. A guest on its way counts once: by its claim, until the host itself reports it active. */
export function viewHosts(records: FleetRecords, now: Date): readonly HostView[] {
  const { hosts, usage, claims, aggregates, failures } = records;
  const failed = new Map<string, number>();
  for (const { destinationHost: host } of failures) if (host !== null) failed.set(host, (failed.get(host) ?? 0) + 1);
  const claimsOf = Map.groupBy(claims, (claim) => claim.host);
  const aggregatesOf = aggregatesByHost(aggregates);
  return hosts.map((host) => {
    const name = host.facts.host;
    const claimed = claimsOf.get(name) ?? [];
    const its = aggregatesOf.get(name) ?? [];
    return {
      name,
      up: isHostUp(host, now),
      lastSeenAt: host.lastSeenAt,
      forcedDown: host.forcedDown,
      enabled: host.enabled,
      disabledReason: host.disabledReason,
      maintenance: host.maintenance,
      facts: host.facts,
      availabilityZone: zoneOfHost(name, its),
      aggregates: its,
      usedMemoryKiB: usage.get(name)?.memoryKiB ?? 0,
      usedVcpus: usage.get(name)?.vcpus ?? 0,
      claimedMemoryKiB: claimed.reduce((sum, claim) => sum + claim.memoryKiB, 0),
      incomingMigrations: claimed.length,
      recentFailures: failed.get(name) ?? 0,
    };
  });
}

/** In one pass over their members: looking each host up in each aggregate costs the square of the fleet. */
function aggregatesByHost(aggregates: readonly Aggregate[]): ReadonlyMap<string, readonly Aggregate[]> {
  const found = new Map<string, Aggregate[]>();
  for (const aggregate of aggregates) {
    for (const host of aggregate.hosts) {
      const its = found.get(host);
      if (its === undefined) found.set(host, [aggregate]);
      else its.push(aggregate);
    }
  }
  return found;
}
