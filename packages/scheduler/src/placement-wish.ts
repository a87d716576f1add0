import { aggregateSpecs, type GuestSighting, isActive, type ServerGroup } from "@drover/model";
import type { ListedClaim } from "@drover/store";

/** The group of the server that is to move, and where its other members are. */
interface GroupWish {
  readonly name: string;
  readonly policy: ServerGroup["policy"];
  readonly maxServersPerHost: number;
  /** How many other members are active on a host, or on their way to it. */
  readonly membersOn: ReadonlyMap<string, number>;
}

/** Where a server asked to run, beyond what it needs. */
export interface PlacementWish {
  readonly group: GroupWish | null;
  /** Null: any. */
  readonly availabilityZone: string | null;
  /** What an aggregate of its host must say. */
  readonly aggregateSpecs: Readonly<Record<string, string>>;
}

/** What the store has about the placement of one server. */
export interface PlacementRecords {
  readonly group: ServerGroup | undefined;
  /** Of the server and of the group's members. */
  readonly sightings: readonly GuestSighting[];
  readonly claims: readonly ListedClaim[];
  readonly availabilityZone: string | null;
}

/** @param sourceHost Where the server is: what its definition there says counts. */
export function placementWish(serverUuid: string, sourceHost: string, records: PlacementRecords): PlacementWish {
  const { group, sightings, availabilityZone } = records;
  const own = sightings.find(({ uuid, host }) => uuid === serverUuid && host === sourceHost);
  return {
    group: group === undefined ? null : groupWish(serverUuid, group, records),
    availabilityZone,
    aggregateSpecs: aggregateSpecs(own?.metadata ?? {}),
  };
}

/** A member that migrates counts on both hosts: it may yet stay. */
function groupWish(serverUuid: string, group: ServerGroup, { sightings, claims }: PlacementRecords): GroupWish {
  const others = new Set(group.servers.filter((uuid) => uuid !== serverUuid));
  const places = [
    ...sightings.filter(({ powerState }) => isActive(powerState)),
    ...claims.map(({ serverUuid: uuid, host }) => ({ uuid, host })),
  ];
  const membersOn = new Map<string, Set<string>>();
  for (const { uuid, host } of places) {
    if (!others.has(uuid)) continue;
    const members = membersOn.get(host) ?? new Set();
    membersOn.set(host, members.add(uuid));
  }
  const { name, policy, maxServersPerHost } = group;
  const counts = new Map([...membersOn].map(([host, members]) => [host, members.size]));
  return { name, policy, maxServersPerHost, membersOn: counts };
}
