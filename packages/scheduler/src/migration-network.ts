import type { HostFilter } from "./filters.ts";

/**
 * What of a destination's addresses the source cannot use whatever the network is like; whether it can reach the others, it
 * tries itself (`check_destination_reach`). Names are left to that: they mean what the source's resolver says.
 */
export const migrationNetwork: HostFilter = {
  name: "migration-network",
  reject: (host, { sourceHost, source }) => {
    if (source === undefined) return undefined;
    for (const way of ["inbound", "libvirt"] as const) {
      const { address, isLoopback, family } = host[way];
      // All of a fleet on one machine may be on loopback.
      if (isLoopback) {
        if (source[way].isLoopback) continue;
        return `it ${RELATIONS[way]} ${address}, which is another machine to ${sourceHost}`;
      }
      if (family === 0 || source.families.size === 0 || source.families.has(family)) continue;
      const own = source.facts.addresses?.length ?? 0;
      return `it ${RELATIONS[way]} ${address}, and of the ${own} addresses of ${sourceHost} none is IPv${family}`;
    }
    return undefined;
  },
};

const RELATIONS = { inbound: "takes memory in at", libvirt: "is dialled at" } as const;
