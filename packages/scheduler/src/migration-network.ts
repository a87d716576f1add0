import type { HostFilter } from "./filters.ts";
import type { HostView, ReachedAt } from "./host-view.ts";

/**
 * What of a destination's addresses the source cannot use whatever the network is like; whether it can reach the others, it
 * tries itself (`check_destination_reach`). Names are left to that: they mean what the source's resolver says.
 */
export const migrationNetwork: HostFilter = {
  name: "migration-network",
  isAsked: ({ source }) => source !== undefined,
  reject: (host, { sourceHost, source }) => {
    if (source === undefined) return undefined;
    const { inbound, libvirt } = host;
    const problem = problemOf(inbound, source.inbound, source);
    if (problem !== undefined)
      return `it takes memory in at ${inbound.address}, ${inWords(problem, inbound, sourceHost, source)}`;
    const other = problemOf(libvirt, source.libvirt, source);
    return other && `it is dialled at ${libvirt.address}, ${inWords(other, libvirt, sourceHost, source)}`;
  },
};

/** Runs for every host of a fleet: it makes no words. */
function problemOf(its: ReachedAt, own: ReachedAt, { families }: HostView): "loopback" | "family" | undefined {
  // All of a fleet on one machine may be on loopback.
  if (its.isLoopback) return own.isLoopback ? undefined : "loopback";
  return its.family === 0 || families.size === 0 || families.has(its.family) ? undefined : "family";
}

function inWords(problem: "loopback" | "family", { family }: ReachedAt, sourceHost: string, source: HostView): string {
  if (problem === "loopback") return `which is another machine to ${sourceHost}`;
  return `and of the ${source.facts.addresses?.length ?? 0} addresses of ${sourceHost} none is IPv${family}`;
}
