import {
  type Aggregate,
  aggregatesByHost,
  type Clock,
  DroverError,
  type GuestSighting,
  type Host,
  IN_PROGRESS,
  isHostUp,
  type Migration,
  SERVICE_DOWN_TIME_MS,
  type Server,
  type ServerGroup,
  type ServerLock,
  serverFromSightings,
  zoneBy,
} from "@drover/model";
import type { MigrationFilter, ServerName, Store } from "@drover/store";
import { readTogether } from "./read-together.ts";

/** A server, and the migration that it is in. */
export interface KnownServer extends Server {
  /** Not over: also one in `error`, which waits for a person. */
  readonly migration: Migration | null;
  /** Null where it is not locked. */
  readonly lock: ServerLock | null;
  /** Null where it is in none. */
  readonly group: ServerGroup | null;
  /** The zone that it is to stay in; null where it asked for none. */
  readonly availabilityZone: string | null;
}

/** A host, and what its guests make of it. */
export interface KnownHost extends Host {
  readonly up: boolean;
  readonly servers: readonly KnownServer[];
  readonly availabilityZone: string;
  /** Names of the aggregates that it is in. */
  readonly aggregates: readonly string[];
}

/** A group, and what is known of its servers. */
export interface KnownServerGroup extends ServerGroup {
  readonly members: readonly { readonly uuid: string; readonly name: string | null; readonly host: string | null }[];
}

/** Which servers are meant: all that is said must hold. */
interface ServerChoice {
  /** Where they are. */
  readonly host?: string | undefined;
  /** Their name, the whole of it. */
  readonly name?: string | undefined;
}

/** Questions about the whole fleet, answered from the store. */
export interface Fleet {
  /** By name, then uuid. With `where` those that it says, which are read without the others. */
  servers(where?: ServerChoice): Promise<readonly KnownServer[]>;
  /**
   * A page of {@link Fleet.servers}: those that come after `last`, `limit` at most, read without the others. Names are in the order of
   * their bytes.
   *
   * @param last The last of the page before; undefined begins at the first
   */
  serversAfter(last: ServerName | undefined, limit: number): Promise<readonly KnownServer[]>;
  server(uuid: string): Promise<KnownServer | undefined>;
  /** By uuid or unambiguous name. @throws `not-found`, `bad-request` with the uuids for an ambiguous name */
  findServer(reference: string): Promise<KnownServer>;
  /** By name. */
  hosts(): Promise<readonly KnownHost[]>;
  /** One host, without its servers: cheaper than {@link Fleet.hosts}. */
  host(name: string): Promise<KnownHost | undefined>;
  /** Several, without their servers; those that are not known are left out. */
  hostsNamed(names: readonly string[]): Promise<readonly KnownHost[]>;
  /** By name. */
  serverGroups(): Promise<readonly KnownServerGroup[]>;
  /** By name. */
  aggregates(): Promise<readonly Aggregate[]>;
  /** By number or uuid. */
  migration(reference: string): Promise<Migration | undefined>;
  /** @throws `not-found` */
  findMigration(reference: string): Promise<Migration>;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Rows of migrations in progress that one listing of servers looks at. */
const MAX_IN_PROGRESS = 10_000;

export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

export function createFleet(store: Store, clock: Clock): Fleet {
  async function servers({ host, name }: ServerChoice = {}): Promise<readonly KnownServer[]> {
    const known = await (name !== undefined ? serversNamed(name) : host === undefined ? all() : serversOn(host));
    return inOrderOfName(
      known.filter((server) => (name ?? server.name) === server.name && (host ?? server.host) === server.host),
    );
  }

  const inProgress = (filter: MigrationFilter) =>
    store.migrations.list({ ...filter, states: [...IN_PROGRESS], limit: MAX_IN_PROGRESS });

  const all = () => knownFrom(store.guests.list(), inProgress({}));

  const serversOf = (uuids: readonly string[]) =>
    knownFrom(store.guests.byServers(uuids), inProgress({ serverUuids: uuids }));

  /** Those that it reports, and those in a migration from or to it, whom no host may report for a moment; some are elsewhere. */
  async function serversOn(host: string): Promise<KnownServer[]> {
    const [sightings, migrations] = await Promise.all([store.guests.byHost(host), inProgress({ host })]);
    return await serversOf([...new Set([...sightings.map(uuidOf), ...migrations.map(({ serverUuid }) => serverUuid)])]);
  }

  async function serversAfter(last: ServerName | undefined, limit: number): Promise<readonly KnownServer[]> {
    const found: KnownServer[] = [];
    let after = last;
    while (found.length < limit) {
      const names = await store.guests.namesAfter(after, limit - found.length);
      const uuids = [...new Set(names.map(({ uuid }) => uuid))];
      const byUuid = new Map((await serversOf(uuids)).map((server) => [server.uuid, server]));
      // A leftover's name is another place in the order, where the server is not.
      for (const { name, uuid } of names) {
        const server = byUuid.get(uuid);
        if (server?.name === name) found.push(server);
      }
      after = names.at(-1);
      if (after === undefined) break;
    }
    return found;
  }

  /** The servers that these are of, in no order. */
  async function knownFrom(
    ofGuests: Promise<readonly GuestSighting[]>,
    ofMigrations: Promise<readonly Migration[]>,
  ): Promise<KnownServer[]> {
    const [sightings, migrations, groups, zones, locks] = await Promise.all([
      ofGuests,
      ofMigrations,
      store.serverGroups.list(),
      store.serverZones.list(),
      store.serverLocks.list(),
    ]);
    const groupOf = new Map(groups.flatMap((group) => group.servers.map((uuid) => [uuid, group] as const)));
    const byServer = Map.groupBy(sightings, (sighting) => sighting.uuid);
    const migrationOf = new Map(migrations.map((migration) => [migration.serverUuid, migration]));
    const uuids = new Set([...byServer.keys(), ...migrationOf.keys()]);
    return [...uuids].flatMap((uuid) => {
      const group = groupOf.get(uuid) ?? null;
      const said = { group, availabilityZone: zones.get(uuid) ?? null, lock: locks.get(uuid) ?? null };
      return knownServer(byServer.get(uuid) ?? [], migrationOf.get(uuid), said, clock) ?? [];
    });
  }

  async function server(uuid: string): Promise<KnownServer | undefined> {
    if (!isUuid(uuid)) return undefined;
    const [sightings, [newest], group = null, availabilityZone, lock] = await Promise.all([
      store.guests.byServer(uuid),
      // A server has one migration in progress at most, and while it has one no newer is accepted.
      store.migrations.list({ serverUuid: uuid, limit: 1 }),
      store.serverGroups.ofServer(uuid),
      store.serverZones.of(uuid),
      store.serverLocks.of(uuid),
    ]);
    return knownServer(sightings, newest, { group, availabilityZone, lock }, clock);
  }

  /** Of all whom a host reports under the name, or who are in a migration under it; some are named otherwise where they are. */
  async function uuidsNamed(name: string): Promise<readonly string[]> {
    const [sightings, migrations] = await Promise.all([store.guests.byName(name), inProgress({ serverName: name })]);
    return [...new Set([...sightings.map(uuidOf), ...migrations.map(({ serverUuid }) => serverUuid)])];
  }

  const serversNamed = async (name: string) => await serversOf(await uuidsNamed(name));

  async function findServer(reference: string): Promise<KnownServer> {
    if (isUuid(reference)) return (await server(reference)) ?? noServer(reference);
    const found = await Promise.all([...(await uuidsNamed(reference))].sort(compare).map(server));
    // What a host reports under the name may be another's leftover: a server's name is that of where it is.
    const named = found.flatMap((candidate) => (candidate?.name === reference ? [candidate] : []));
    const [only, ...others] = named;
    if (only === undefined) return noServer(reference);
    if (others.length === 0) return only;
    const uuids = named.map((candidate) => candidate.uuid);
    throw new DroverError(
      "bad-request",
      `server: ${named.length} servers are named ${reference}; use one of the uuids ${uuids.join(", ")}`,
      { details: { server: reference, uuids } },
    );
  }

  async function hosts(): Promise<readonly KnownHost[]> {
    const [records, known, aggregates] = await Promise.all([store.hosts.list(), servers(), store.aggregates.list()]);
    const byHost = Map.groupBy(known, (server) => server.host);
    const aggregatesOf = aggregatesByHost(aggregates);
    const now = clock.now();
    return records
      .map((host) => knownHost(host, byHost.get(host.facts.host) ?? [], aggregatesOf.get(host.facts.host) ?? [], now))
      .sort((a, b) => compare(a.facts.host, b.facts.host));
  }

  async function host(name: string): Promise<KnownHost | undefined> {
    const [record, aggregates] = await Promise.all([store.hosts.get(name), store.aggregates.list()]);
    const its = aggregates.filter(({ hosts }) => hosts.includes(name));
    return record === undefined ? undefined : knownHost(record, [], its, clock.now());
  }

  async function hostsNamed(names: readonly string[]): Promise<readonly KnownHost[]> {
    const [records, aggregates] = await Promise.all([store.hosts.getMany(names), store.aggregates.list()]);
    const aggregatesOf = aggregatesByHost(aggregates);
    return records.map((record) => knownHost(record, [], aggregatesOf.get(record.facts.host) ?? [], clock.now()));
  }

  async function serverGroups(): Promise<readonly KnownServerGroup[]> {
    const groups = await store.serverGroups.list();
    const sightings = await store.guests.byServers(groups.flatMap((group) => group.servers));
    const byServer = Map.groupBy(sightings, (sighting) => sighting.uuid);
    return groups.map((group) => ({
      ...group,
      members: group.servers.map((uuid) => {
        const known = serverFromSightings(byServer.get(uuid) ?? []);
        return { uuid, name: known?.name ?? null, host: known?.host ?? null };
      }),
    }));
  }

  const migrationById = readTogether(
    (id: number) => id,
    (ids) => store.migrations.getManyById(ids),
  );

  async function migration(reference: string): Promise<Migration | undefined> {
    if (isUuid(reference)) return store.migrations.get(reference);
    const id = /^[0-9]{1,15}$/.test(reference) ? Number(reference) : undefined;
    return id === undefined ? undefined : migrationById(id);
  }

  async function findMigration(reference: string): Promise<Migration> {
    const found = await migration(reference);
    if (found !== undefined) return found;
    throw new DroverError("not-found", `there is no migration ${reference}`, { details: { migration: reference } });
  }

  const aggregates = () => store.aggregates.list();
  return {
    ...{ servers, serversAfter, server, findServer, hosts, host, hostsNamed },
    ...{ serverGroups, aggregates, migration, findMigration },
  };
}

function knownHost(host: Host, servers: readonly KnownServer[], its: readonly Aggregate[], now: Date): KnownHost {
  const placement = { availabilityZone: zoneBy(its), aggregates: its.map((aggregate) => aggregate.name) };
  return { ...host, ...placement, up: isHostUp(host, now), servers };
}

/** As {@link Fleet.servers} has them: by name, of equal ones by uuid. */
export function inOrderOfName<Named extends { readonly name: string; readonly uuid: string }>(
  servers: readonly Named[],
): readonly Named[] {
  return servers.toSorted((a, b) => compare(a.name, b.name) || compare(a.uuid, b.uuid));
}

function noServer(reference: string): never {
  throw new DroverError("not-found", `there is no server ${reference}`, { details: { server: reference } });
}

function uuidOf({ uuid }: GuestSighting): string {
  return uuid;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** @param newest The server's newest migration, if any; one that is over counts only where no host reports the guest. */
function knownServer(
  sightings: readonly GuestSighting[],
  newest: Migration | undefined,
  said: Pick<KnownServer, "group" | "availabilityZone" | "lock">,
  clock: Clock,
): KnownServer | undefined {
  const server = serverFromSightings(sightings) ?? serverBetweenReports(newest, clock);
  if (server === undefined) return undefined;
  return { ...server, ...said, migration: newest !== undefined && IN_PROGRESS.has(newest.state) ? newest : null };
}

/**
 * At the switch-over the source may have reported that the guest is gone before the destination reports that it came.
 * The server has not vanished in between: it is shown from its migration, until the next full report is due.
 */
function serverBetweenReports(migration: Migration | undefined, clock: Clock): Server | undefined {
  if (migration === undefined) return undefined;
  const endedAgoMs = migration.endedAt === null ? 0 : clock.now().getTime() - migration.endedAt.getTime();
  if (endedAgoMs > SERVICE_DOWN_TIME_MS) return undefined;
  const moved = migration.outcome === "arrived" || migration.state === "post-copy";
  return {
    uuid: migration.serverUuid,
    name: migration.serverName,
    host: (moved ? migration.destinationHost : null) ?? migration.sourceHost,
    powerState: "running",
    vcpus: 0,
    memoryKiB: migration.memoryKiB,
    persistent: false,
    seenAt: migration.updatedAt,
    leftovers: [],
    runsTwice: [],
    metadata: {},
  };
}
