import type { HostFilter } from "./filters.ts";
import type { HostView } from "./host-view.ts";

/** A server that asked for a zone stays in it (Nova's `AvailabilityZoneFilter`). */
export const availabilityZone: HostFilter = {
  name: "availability-zone",
  isAsked: ({ placement }) => placement.availabilityZone !== null,
  reject: (host, { placement: { availabilityZone: asked } }) =>
    asked === null || asked === host.availabilityZone
      ? undefined
      : `the server asked for the zone ${asked}, the host is in ${host.availabilityZone}${inWords(host)}`,
};

/** What the server asks of its host's aggregates, one of them says (Nova's `AggregateInstanceExtraSpecsFilter`, equality). */
export const aggregateFilter: HostFilter = {
  name: "aggregate",
  isAsked: ({ placement }) => Object.keys(placement.aggregateSpecs).length > 0,
  reject: (host, { placement: { aggregateSpecs } }) => {
    const missing = Object.entries(aggregateSpecs).filter(
      ([key, value]) => !host.aggregates.some(({ metadata }) => metadata[key] === value),
    );
    if (missing.length === 0) return undefined;
    const specs = missing.map(([key, value]) => `${key}=${value}`).join(", ");
    return host.aggregates.length === 0
      ? `the server asks for ${specs}, the host is in no aggregate`
      : `the server asks for ${specs}, which none of the host's ${host.aggregates.length} says${inWords(host)}`;
  },
};

/** Once members run somewhere, the others follow them there (Nova's `ServerGroupAffinityFilter`). */
export const affinity: HostFilter = {
  name: "affinity",
  isAsked: ({ placement: { group } }) => group?.policy === "affinity",
  reject: (host, { placement: { group } }) => {
    if (group?.policy !== "affinity" || group.membersOn.size === 0 || group.membersOn.has(host.name)) return undefined;
    const others = [...group.membersOn].map(([name, members]) => `${members} on ${name}`).join(", ");
    return `the group ${group.name} is to be together: it has ${others} and none here`;
  },
};

/** Nova's `ServerGroupAntiAffinityFilter`, with its rule `max_server_per_host`. */
export const antiAffinity: HostFilter = {
  name: "anti-affinity",
  isAsked: ({ placement: { group } }) => group?.policy === "anti-affinity",
  reject: (host, { placement: { group } }) => {
    if (group?.policy !== "anti-affinity") return undefined;
    const members = group.membersOn.get(host.name) ?? 0;
    return members < group.maxServersPerHost
      ? undefined
      : `the group ${group.name} is to be apart: it has ${members} here or on their way, of ${group.maxServersPerHost} allowed`;
  },
};

function inWords({ aggregates }: HostView): string {
  return aggregates.length === 0 ? "" : ` (${aggregates.map(({ name }) => name).join(", ")})`;
}
