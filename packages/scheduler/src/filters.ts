import { whyHostIsDown } from "@drover/model";
import type { HostView } from "./host-view.ts";
import { migrationNetwork } from "./migration-network.ts";
import { affinity, aggregateFilter, antiAffinity, availabilityZone } from "./placement-filters.ts";
import type { PlacementWish } from "./placement-wish.ts";

/** What is asked of a destination. */
export interface DestinationRequest {
  readonly memoryKiB: number;
  readonly vcpus: number;
  readonly sourceHost: string;
  /** Undefined for a source that nobody knows. */
  readonly source: HostView | undefined;
  readonly requestedHost: string | null;
  readonly placement: PlacementWish;
  /** Every filter that rejects a host is to be named, not only the first. @default false */
  readonly everyReason?: boolean;
  /** At most so many candidates, and so many of the hosts that each filter rejected. @default all */
  readonly limit?: number | undefined;
}

export interface FilterOptions {
  /** Guest memory that a host may be given, as a share of its own (Nova's `ram_allocation_ratio`). */
  readonly ramAllocationRatio: number;
  /** Guest processors that a host may be given for each of its own (Nova's `cpu_allocation_ratio`). */
  readonly cpuAllocationRatio: number;
}

/** Keeps a host, or says in one sentence why it fell out. */
export interface HostFilter {
  readonly name: string;
  /** False where nothing in the request has to do with it: it then rejects no host. @default true */
  isAsked?(request: DestinationRequest): boolean;
  reject(host: HostView, request: DestinationRequest, options: FilterOptions): string | undefined;
}

/** Memory that guests may still be given on a host, KiB. */
export function freeMemoryKiB(host: HostView, options: FilterOptions): number {
  return Math.floor(host.facts.memoryKiB * options.ramAllocationRatio) - host.usedMemoryKiB - host.claimedMemoryKiB;
}

const different: HostFilter = {
  name: "different-host",
  reject: (host, request) => (host.name === request.sourceHost ? "the server is on it" : undefined),
};

const up: HostFilter = {
  name: "compute",
  reject: (host) => (host.up ? undefined : whyHostIsDown(host)),
};

const enabled: HostFilter = {
  name: "enabled",
  reject: (host) => (host.enabled ? undefined : `disabled: ${host.disabledReason ?? "no reason given"}`),
};

const maintenance: HostFilter = {
  name: "maintenance",
  reject: ({ maintenance: its }) =>
    its === null ? undefined : `in maintenance since ${its.since.toISOString()}: ${its.reason}`,
};

const processors: HostFilter = {
  name: "processors",
  reject: ({ facts, usedVcpus }, { vcpus }, { cpuAllocationRatio }) => {
    // A guest never gets more processors than the host has, whatever the ratio: they would wait for each other.
    if (vcpus > facts.cpus) return `the server has ${vcpus} processors, the host ${facts.cpus}`;
    const most = Math.floor(facts.cpus * cpuAllocationRatio);
    return usedVcpus + vcpus > most
      ? `${vcpus} processors wanted, ${usedVcpus} of ${most} (${facts.cpus} x ${cpuAllocationRatio}) are given away`
      : undefined;
  },
};

const memory: HostFilter = {
  name: "memory",
  reject: (host, request, options) => {
    const free = freeMemoryKiB(host, options);
    return free < request.memoryKiB ? `${request.memoryKiB} KiB wanted, ${Math.max(0, free)} KiB free` : undefined;
  },
};

/** In this order, so that the reason a person reads is the most telling one. */
export const filters: readonly HostFilter[] = [
  different,
  up,
  maintenance,
  enabled,
  availabilityZone,
  aggregateFilter,
  affinity,
  antiAffinity,
  migrationNetwork,
  processors,
  memory,
];
