import { isIP } from "node:net";
import { type Aggregate, type HostFacts, type HostMaintenance, zoneBy } from "@drover/model";
import { isLoopback } from "@drover/service-kit/network-list";
import type { PlacementHost } from "@drover/store";

/** Where a host is reached: an address, or a name that means what the caller's resolver says. */
export interface ReachedAt {
  readonly address: string;
  readonly isLoopback: boolean;
  /** 4 or 6; 0 for a name. */
  readonly family: number;
}

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
  /** Where it takes memory in. */
  readonly inbound: ReachedAt;
  /** Where its libvirtd is. */
  readonly libvirt: ReachedAt;
  /** Of its own addresses: 4, 6. Empty for an agent that does not say. */
  readonly families: ReadonlySet<number>;
  readonly availabilityZone: string;
  /** Those that it is in. */
  readonly aggregates: readonly Aggregate[];
  /** Memory of the guests that are active on it and that no claim stands for, KiB. */
  readonly usedMemoryKiB: number;
  /** Processors of the guests that are active on it. */
  readonly usedVcpus: number;
  /** Memory claimed for guests on their way to it, KiB. */
  readonly claimedMemoryKiB: number;
  readonly incomingMigrations: number;
  /** Migrations to it that failed lately. */
  readonly recentFailures: number;
}

/** What is known about a host elsewhere than in its own records. */
export interface AboutHost {
  /** Those that it is in. */
  readonly aggregates: readonly Aggregate[];
  /** When it was last heard of, where that is too long ago. */
  readonly silentSince: Date | undefined;
  readonly recentFailures: number;
}

/** Joins them. A guest on its way counts once: by its claim as long as that stands, then as one that is active here. */
export function viewHost({ host, usage, claims }: PlacementHost, about: AboutHost): HostView {
  const { facts, forcedDown, enabled, disabledReason, maintenance } = host;
  const { aggregates, silentSince, recentFailures } = about;
  return {
    name: facts.host,
    up: !forcedDown && silentSince === undefined,
    lastSeenAt: silentSince ?? host.lastSeenAt,
    forcedDown,
    enabled,
    disabledReason,
    maintenance,
    facts,
    inbound: reachedAt(facts.inboundAddress),
    libvirt: reachedAt(hostOf(facts.libvirtUri)),
    families: new Set((facts.addresses ?? []).map(isIP)),
    availabilityZone: zoneBy(aggregates),
    aggregates,
    usedMemoryKiB: usage.memoryKiB,
    usedVcpus: usage.vcpus,
    claimedMemoryKiB: claims.reduce((sum, claim) => sum + claim.memoryKiB, 0),
    incomingMigrations: claims.length,
    recentFailures,
  };
}

function reachedAt(address: string): ReachedAt {
  return { address, isLoopback: isLoopback(address), family: isIP(address) };
}

/** The host that a libvirt URI names, without brackets; empty for one that names none. */
function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname.replace(/^\[|\]$/g, "") : "";
}
