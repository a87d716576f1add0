import { inOrderOfName, type KnownServer } from "@drover/fleet";
import { aggregatesByHost, zoneBy } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { baseUrl, nextLink } from "./links.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import {
  asksForAll,
  filterServers,
  MAX_PAGE,
  noSuchMarker,
  page,
  parseServerQuery,
  type ServerQuery,
  sortServers,
} from "./server-filter.ts";
import { serverAlone, serverDetail, serverSummary } from "./server-view.ts";

/** @throws {NovaFault} 404 in Nova's words */
export async function requireServer(context: NovaContext, id: string): Promise<KnownServer> {
  const server = await context.fleet.server(id);
  if (server === undefined) throw new NovaFault(404, `Instance ${id} could not be found.`);
  return server;
}

async function listed(request: FastifyRequest, { fleet, patterns }: NovaContext) {
  const query = parseServerQuery(request.query, request.novaMinor);
  if (asksForAll(query)) return await pageOfAll(request, fleet, query);
  const [servers, aggregates] = await Promise.all([
    candidates(fleet, query),
    query.availability_zone === undefined ? [] : fleet.aggregates(),
  ]);
  const aggregatesOf = aggregatesByHost(aggregates);
  const chosen = filterServers(servers, query, {
    zoneOf: (host) => zoneBy(aggregatesOf.get(host) ?? []),
    namesLike: (names, pattern) => patterns.matching(names, pattern, request.identity.tokenId),
  });
  const { rows, next } = page(await withMarker(chosen, query, fleet), query, (server) => server.uuid);
  return { rows, links: next === undefined ? {} : { servers_links: [nextLink(request, next)] } };
}

/** The last of the page before may be what the filters ask for no longer: the next page begins where it would be. */
async function withMarker(
  chosen: readonly KnownServer[],
  query: ServerQuery,
  fleet: NovaContext["fleet"],
): Promise<readonly KnownServer[]> {
  const { marker } = query;
  if (marker === undefined || chosen.some(({ uuid }) => uuid === marker)) return chosen;
  const last = await fleet.server(marker);
  return last === undefined ? chosen : sortServers(inOrderOfName([...chosen, last]), query);
}

/** What the filters look at: where they name a server or a host, nothing else is read. */
async function candidates(fleet: NovaContext["fleet"], { uuid, node, host = node }: ServerQuery) {
  if (uuid === undefined) return await fleet.servers({ host });
  const server = await fleet.server(uuid);
  return server === undefined ? [] : [server];
}

/** Of a fleet of any size a page costs the same. */
async function pageOfAll(request: FastifyRequest, fleet: NovaContext["fleet"], query: ServerQuery) {
  const { marker } = query;
  const limit = Math.min(query.limit ?? MAX_PAGE, MAX_PAGE);
  const last = marker === undefined ? undefined : await fleet.server(marker);
  if (marker !== undefined && last === undefined) throw noSuchMarker(marker);
  // One more says whether there is a next page.
  const found = await fleet.serversAfter(last, limit + 1);
  const rows = found.slice(0, limit);
  const next = found.length > limit ? rows.at(-1)?.uuid : undefined;
  return { rows, links: next === undefined ? {} : { servers_links: [nextLink(request, next)] } };
}

/** `/servers`, `/servers/detail`, `/servers/{id}` */
export const serverRoutes: NovaRoutes = (app, context) => {
  const { fleet, readProgress } = context;

  app.get("/servers", async (request) => {
    const { rows, links } = await listed(request, context);
    const base = baseUrl(request);
    return { servers: rows.map((server) => serverSummary(server, base)), ...links };
  });

  app.get("/servers/detail", async (request) => {
    const { rows, links } = await listed(request, context);
    const [hosts, progress] = await Promise.all([
      fleet.hostsNamed([...new Set(rows.map((server) => server.host))]),
      readProgress(rows.flatMap((server) => server.migration ?? [])),
    ]);
    const hostNamed = new Map(hosts.map((host) => [host.facts.host, host]));
    const base = baseUrl(request);
    const servers = rows.map((server) =>
      serverDetail(server, {
        minor: request.novaMinor,
        base,
        host: hostNamed.get(server.host),
        progress: server.migration === null ? undefined : progress.get(server.migration.uuid),
      }),
    );
    return { servers, ...links };
  });

  app.get<{ Params: { id: string } }>("/servers/:id", async (request) => {
    const server = await requireServer(context, request.params.id);
    const [host, progress] = await Promise.all([
      fleet.host(server.host),
      readProgress(server.migration === null ? [] : [server.migration]),
    ]);
    const view = serverAlone(server, {
      minor: request.novaMinor,
      base: baseUrl(request),
      host,
      progress: server.migration === null ? undefined : progress.get(server.migration.uuid),
    });
    return { server: view };
  });
};
