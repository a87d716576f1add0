import { isIP } from "node:net";
import { isLoopback } from "@drover/service-kit/network-list";
import type { HostFilter } from "./filters.ts";

/**
 * What of a destination's addresses the source cannot use whatever the network is like; whether it can reach the others, it
 * tries itself (`check_destination_reach`). Names are left to that: they mean what the source's resolver says.
 */
export const migrationNetwork: HostFilter = {
  name: "migration-network",
  reject: ({ facts }, { sourceHost, source }) => {
    if (source === undefined) return undefined;
    const dialled = [
      ["takes memory in at", facts.inboundAddress, source.inboundAddress],
      ["is dialled at", hostOf(facts.libvirtUri), hostOf(source.libvirtUri)],
    ] as const;
    for (const [relation, address, counterpart] of dialled) {
      // All of a fleet on one machine may be on loopback.
      if (isLoopback(address) && !isLoopback(counterpart)) {
        return `it ${relation} ${address}, which is another machine to ${sourceHost}`;
      }
      const family = isIP(address);
      const own = source.addresses ?? [];
      if (family === 0 || isLoopback(address) || own.length === 0) continue;
      if (!own.some((candidate) => isIP(candidate) === family)) {
        return `it ${relation} ${address}, and of the ${own.length} addresses of ${sourceHost} none is IPv${family}`;
      }
    }
    return undefined;
  },
};

/** The host that a libvirt URI names, without brackets; empty for one that names none. */
function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname.replace(/^\[|\]$/g, "") : "";
}
