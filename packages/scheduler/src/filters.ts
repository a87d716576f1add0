import type { HostView } from "./host-view.ts";

/** What is asked of a destination. */
export interface DestinationRequest {
  readonly memoryKiB: number;
  readonly vcpus: number;
  readonly sourceHost: string;
  readonly requestedHost: string | null;
  /** Every filter that rejects a host is to be named, not only the first. @default false */
  readonly everyReason?: boolean;
}

export interface FilterOptions {
  /** Guest memory that a host may be given, as a share of its own (Nova's `ram_allocation_ratio`). */
  readonly ramAllocationRatio: number;
}

/** Keeps a host, or says in one sentence why it fell out. */
export interface HostFilter {
  readonly name: string;
  reject(host: HostView, request: DestinationRequest, options: FilterOptions): string | undefined;
}

/** Memory that guests may still be given on a host, KiB. */
export function freeMemoryKiB(host: HostView, options: FilterOptions): number {
  return Math.floor(host.facts.memoryKiB * options.ramAllocationRatio) - host.usedMemoryKiB - host.claimedMemoryKiB;
}

const requested: HostFilter = {
  name: "requested-host",
  reject: (host, request) =>
    request.requestedHost !== null && request.requestedHost !== host.name
      ? `${request.requestedHost} was asked for`
      : undefined,
};

const different: HostFilter = {
  name: "different-host",
  reject: (host, request) => (host.name === request.sourceHost ? "the server is on it" : undefined),
};

const up: HostFilter = {
  name: "compute",
  reject: (host) => (host.up ? undefined : `its agent was last heard of at ${host.lastSeenAt.toISOString()}`),
};

const enabled: HostFilter = {
  name: "enabled",
  reject: (host) => (host.enabled ? undefined : `disabled: ${host.disabledReason ?? "no reason given"}`),
};

const processors: HostFilter = {
  name: "processors",
  reject: (host, request) =>
    request.vcpus > host.facts.cpus
      ? `the server has ${request.vcpus} processors, the host ${host.facts.cpus}`
      : undefined,
};

const memory: HostFilter = {
  name: "memory",
  reject: (host, request, options) => {
    const free = freeMemoryKiB(host, options);
    return free < request.memoryKiB ? `${request.memoryKiB} KiB wanted, ${Math.max(0, free)} KiB free` : undefined;
  },
};

/** In this order, so that the reason a person reads is the most telling one. */
export const filters: readonly HostFilter[] = [requested, different, up, enabled, processors, memory];
