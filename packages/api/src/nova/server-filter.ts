import type { KnownServer } from "@drover/fleet";
import { z } from "zod";
import { matchingNames } from "../name-filter.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, one } from "./query-values.ts";
import { novaServerState } from "./server-status.ts";

const many = z.union([z.string().transform((value) => [value]), z.array(z.string())]).optional();
/** What is not named here is ignored, as Nova does for the keys that it does not know. */
const serverQuery = z.object({
  name: one,
  host: one,
  node: one,
  uuid: one,
  status: many,
  vm_state: one,
  task_state: one,
  limit: count,
  marker: one,
});

export type ServerQuery = z.output<typeof serverQuery>;

export const MAX_PAGE = 1000;

export function parseServerQuery(query: unknown): ServerQuery {
  return parseQuery(serverQuery, query);
}

/** Those that the query asks for, in the order given. */
export function filterServers(servers: readonly KnownServer[], query: ServerQuery): readonly KnownServer[] {
  const { name, host = query.node, uuid } = query;
  const statuses = query.status?.map((status) => status.toUpperCase());
  const names =
    name === undefined ? undefined : matchingNames([...new Set(servers.map((server) => server.name))], name);
  return servers.filter((server) => {
    const state = novaServerState(server);
    return (
      (names === undefined || names.has(server.name)) &&
      (host === undefined || server.host === host) &&
      (uuid === undefined || server.uuid === uuid) &&
      (statuses === undefined || statuses.includes(state.status)) &&
      (query.vm_state === undefined || state.vmState === query.vm_state) &&
      (query.task_state === undefined || (state.taskState ?? "") === query.task_state)
    );
  });
}

/** A page of `rows`, which are in a lasting order. @throws {NovaFault} 400 for a marker that is not among them */
export function page<Row>(
  rows: readonly Row[],
  query: { readonly limit?: number | undefined; readonly marker?: string | undefined },
  idOf: (row: Row) => string,
): { readonly rows: readonly Row[]; readonly next: string | undefined } {
  const limit = Math.min(query.limit ?? MAX_PAGE, MAX_PAGE);
  const at = query.marker === undefined ? -1 : rows.findIndex((row) => idOf(row) === query.marker);
  if (query.marker !== undefined && at === -1) throw new NovaFault(400, `marker [${query.marker}] not found`);
  const chosen = rows.slice(at + 1, at + 1 + limit);
  const last = chosen.at(-1);
  return { rows: chosen, next: last !== undefined && at + 1 + limit < rows.length ? idOf(last) : undefined };
}
