/** Nova's policies of server groups. The soft ones are wishes: they rank hosts and reject none. */
export const SERVER_GROUP_POLICIES = ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"] as const;

export type ServerGroupPolicy = (typeof SERVER_GROUP_POLICIES)[number];

/** Servers that are to run together, or apart. A server is in one group at most. */
export interface ServerGroup {
  readonly uuid: string;
  readonly name: string;
  readonly policy: ServerGroupPolicy;
  /** With `anti-affinity`: so many of them may share a host (Nova's rule `max_server_per_host`). */
  readonly maxServersPerHost: number;
  /** Uuids. */
  readonly servers: readonly string[];
  readonly createdAt: Date;
}

/** Hosts that have something in common; those with a zone make it up. A host is in one zone at most. */
export interface Aggregate {
  readonly id: number;
  readonly name: string;
  readonly availabilityZone: string | null;
  /** What its hosts offer, for servers that ask for it: see {@link AGGREGATE_SPECS}. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
  readonly createdAt: Date;
}

/** The zone of hosts whose aggregates name none (Nova's `default_availability_zone`). */
export const DEFAULT_AVAILABILITY_ZONE = "nova";

/** The zone of a host that is in these aggregates. */
export function zoneBy(aggregates: readonly Aggregate[]): string {
  return aggregates.find((its) => its.availabilityZone !== null)?.availabilityZone ?? DEFAULT_AVAILABILITY_ZONE;
}

/**
 * The aggregates that each host is in; one that is in none is absent. In one pass over the members: looking each host up in each
 * aggregate costs the square of the fleet.
 */
export function aggregatesByHost(aggregates: readonly Aggregate[]): ReadonlyMap<string, readonly Aggregate[]> {
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

/** Nova's scope of a flavor's extra specs; here a server's own metadata has them, since there are no flavors. */
export const AGGREGATE_SPECS = "aggregate_instance_extra_specs:";

/** What a server's metadata asks of its host's aggregates: `aggregate_instance_extra_specs:ssd = true` asks for `ssd`. */
export function aggregateSpecs(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const asked = Object.entries(metadata).filter(([key]) => key.startsWith(AGGREGATE_SPECS));
  return Object.fromEntries(asked.map(([key, value]) => [key.slice(AGGREGATE_SPECS.length), value]));
}
