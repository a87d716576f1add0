import type { KnownServer } from "@drover/fleet";
import { z } from "zod";
import { flavorId, flavorSize } from "./flavor-view.ts";
import { SINCE } from "./microversion.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, flag, many, one, requireOrder, time } from "./query-values.ts";
import { SERVER_OWNER } from "./server-owner.ts";
import { novaServerState } from "./server-status.ts";

/** What is not named here is ignored, as Nova does for the keys that it does not know. */
const serverQuery = z.object({
  name: one,
  host: one,
  node: one,
  uuid: one,
  status: many,
  vm_state: one,
  task_state: one,
  power_state: one,
  availability_zone: one,
  flavor: one,
  image: one,
  ip: one,
  ip6: one,
  user_id: one,
  project_id: one,
  tenant_id: one,
  locked: flag,
  all_tenants: flag,
  deleted: flag,
  "changes-since": time,
  "changes-before": time,
  sort_key: many,
  sort_dir: many,
  limit: count,
  marker: one,
});

export type ServerQuery = z.output<typeof serverQuery>;

export const MAX_PAGE = 1000;

/** @throws {NovaFault} 400 for a value that does not fit; Nova's sort keys that Drover has nothing for are 400 too */
export function parseServerQuery(query: unknown, minor: number): ServerQuery {
  const parsed = parseQuery(serverQuery, query);
  if (minor < SINCE.lockedReason) delete parsed.locked;
  if (minor < SINCE.changesBefore) return { ...parsed, "changes-before": undefined };
  requireOrder(parsed["changes-since"], parsed["changes-before"]);
  return parsed;
}

/** Says nothing of which servers there are, or in which order they come. */
const NO_CHOICE = new Set<string>(["all_tenants", "limit", "marker"] satisfies (keyof ServerQuery)[]);

/** It asks for every server, in the order of their names. */
export function asksForAll(query: ServerQuery): boolean {
  const chooses = ([key, value]: [string, unknown]) => value !== undefined && !NO_CHOICE.has(key);
  return query.deleted !== true && !Object.entries({ ...query, deleted: undefined }).some(chooses);
}

/** Those that the query asks for, in the order that it asks for. */
export function filterServers(
  servers: readonly KnownServer[],
  query: ServerQuery,
  {
    zoneOf,
    namesLike,
  }: {
    readonly zoneOf: (host: string) => string;
    readonly namesLike: (names: readonly string[], pattern: string) => ReadonlySet<string>;
  },
): readonly KnownServer[] {
  if (asksForWhatIsNot(query)) return sortServers([], query);
  const { name, host = query.node, uuid, "changes-since": since, "changes-before": before } = query;
  const statuses = query.status?.map((status) => status.toUpperCase());
  const names = name === undefined ? undefined : namesLike([...new Set(servers.map((server) => server.name))], name);
  const chosen = servers.filter((server) => {
    const state = novaServerState(server);
    return (
      (names === undefined || names.has(server.name)) &&
      (host === undefined || server.host === host) &&
      (uuid === undefined || server.uuid === uuid) &&
      (statuses === undefined || statuses.includes(state.status)) &&
      (query.vm_state === undefined || state.vmState === query.vm_state) &&
      (query.task_state === undefined || (state.taskState ?? "") === query.task_state) &&
      (query.power_state === undefined || String(state.powerState) === query.power_state) &&
      (query.flavor === undefined || flavorId(flavorSize(server)) === query.flavor) &&
      (query.availability_zone === undefined || zoneOf(server.host) === query.availability_zone) &&
      (query.locked === undefined || (server.lock !== null) === query.locked) &&
      (since === undefined || server.seenAt >= since) &&
      (before === undefined || server.seenAt <= before)
    );
  });
  return sortServers(chosen, query);
}

/** No server is deleted, has an image or an address that libvirt knew of, or belongs to another project. */
function asksForWhatIsNot(query: ServerQuery): boolean {
  const { deleted, image = "", ip, ip6, user_id: user, project_id: project = query.tenant_id } = query;
  return (
    deleted === true ||
    image !== "" ||
    ip !== undefined ||
    ip6 !== undefined ||
    (user !== undefined && user !== SERVER_OWNER.userId) ||
    (project !== undefined && project !== SERVER_OWNER.projectId)
  );
}

type SortValue = string | number;

/** Nova's keys; where Drover knows one value for all servers, the order stays as it is. */
const SORT_KEYS: ReadonlyMap<string, (server: KnownServer) => SortValue> = new Map(
  Object.entries({
    display_name: ({ name }: KnownServer) => name,
    hostname: ({ name }: KnownServer) => name,
    host: ({ host }: KnownServer) => host,
    node: ({ host }: KnownServer) => host,
    uuid: ({ uuid }: KnownServer) => uuid,
    updated_at: ({ seenAt }: KnownServer) => seenAt.getTime(),
    power_state: (server: KnownServer) => novaServerState(server).powerState,
    vm_state: (server: KnownServer) => novaServerState(server).vmState,
    task_state: (server: KnownServer) => novaServerState(server).taskState ?? "",
    locked: (server: KnownServer) => Number(server.lock !== null),
    instance_type_id: (server: KnownServer) => flavorId(flavorSize(server)),
  }),
);
const SAME_FOR_ALL = new Set(
  (
    "access_ip_v4 access_ip_v6 auto_disk_config availability_zone config_drive created_at display_description image_ref " +
    "kernel_id key_name launch_index launched_at locked_by project_id progress ramdisk_id root_device_name " +
    "terminated_at user_id"
  ).split(" "),
);

/**
 * In the order that the query asks for; where it asks for none, and among equals, in the order that they have.
 *
 * @throws {NovaFault} 400 for a key or a direction that Nova does not have
 */
export function sortServers(servers: readonly KnownServer[], query: ServerQuery): readonly KnownServer[] {
  const directions = query.sort_dir ?? [];
  for (const direction of directions) {
    if (direction !== "asc" && direction !== "desc") throw notAllowed("sort_dir", direction, "asc or desc");
  }
  const keys = (query.sort_key ?? []).flatMap((key, index) => {
    const read = SORT_KEYS.get(key);
    if (read === undefined && !SAME_FOR_ALL.has(key)) throw notAllowed("sort_key", key, "a key that servers have");
    // Nova's default, and what the first of fewer directions than keys is repeated as.
    const direction = directions[index] ?? directions[0] ?? "desc";
    return read === undefined ? [] : [{ read, factor: direction === "asc" ? 1 : -1 }];
  });
  if (keys.length === 0) return servers;
  return [...servers].sort((a, b) => {
    for (const { read, factor } of keys) {
      const [left, right] = [read(a), read(b)];
      if (left !== right) return left < right ? -factor : factor;
    }
    return 0;
  });
}

function notAllowed(key: string, value: string, what: string): NovaFault {
  return new NovaFault(400, `Invalid input for query parameters ${key}. Value: ${value}. '${value}' is not ${what}`);
}

export function noSuchMarker(marker: string): NovaFault {
  return new NovaFault(400, `marker [${marker}] not found`);
}

/** A page of `rows`, which are in a lasting order. @throws {NovaFault} 400 for a marker that is not among them */
export function page<Row>(
  rows: readonly Row[],
  query: { readonly limit?: number | undefined; readonly marker?: string | undefined },
  idOf: (row: Row) => string,
): { readonly rows: readonly Row[]; readonly next: string | undefined } {
  const limit = Math.min(query.limit ?? MAX_PAGE, MAX_PAGE);
  const at = query.marker === undefined ? -1 : rows.findIndex((row) => idOf(row) === query.marker);
  if (query.marker !== undefined && at === -1) throw noSuchMarker(query.marker);
  const chosen = rows.slice(at + 1, at + 1 + limit);
  const last = chosen.at(-1);
  return { rows: chosen, next: last !== undefined && at + 1 + limit < rows.length ? idOf(last) : undefined };
}
