import { isUuid, type KnownHost } from "@drover/fleet";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { hostId, hypervisorDetail, hypervisorStatistics, hypervisorSummary } from "./hypervisor-view.ts";
import { nextLink } from "./links.ts";
import { requireBefore, SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault, notSupported } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, flag, one } from "./query-values.ts";
import { page } from "./server-filter.ts";

const hypervisorQuery = z.object({ hypervisor_hostname_pattern: one, with_servers: flag, limit: count, marker: one });

/**
 * `/os-hypervisors[/detail][/{id}]`, below 2.53 `/{pattern}/search` and `/{pattern}/servers`, below 2.88 `/statistics` and
 * `/{id}/uptime`. How long a host is up is nothing that libvirt tells.
 */
export const hypervisorRoutes: NovaRoutes = (app, context) => {
  app.get("/os-hypervisors", (request) => list(request, context, hypervisorSummary));
  app.get("/os-hypervisors/detail", (request) => list(request, context, hypervisorDetail));

  app.get<{ Params: { id: string } }>("/os-hypervisors/:id", async (request) => {
    const { novaMinor: minor } = request;
    const query = parseQuery(hypervisorQuery, request.query);
    const host = await requireHypervisor(context, request.params.id, minor);
    const options = { minor, withServers: minor >= SINCE.computeUuids && query.with_servers === true };
    return { hypervisor: hypervisorDetail(host, options) };
  });

  app.get("/os-hypervisors/statistics", async (request) => {
    requireBefore(request.novaMinor, SINCE.hypervisorWithoutCapacity);
    return { hypervisor_statistics: hypervisorStatistics(await context.fleet.hosts()) };
  });

  app.get<{ Params: { id: string } }>("/os-hypervisors/:id/uptime", async (request) => {
    requireBefore(request.novaMinor, SINCE.hypervisorWithoutCapacity);
    await requireHypervisor(context, request.params.id, request.novaMinor);
    throw notSupported("The uptime of a host is not known to libvirt; from 2.88 it is null.");
  });

  for (const [suffix, withServers] of [
    ["search", false],
    ["servers", true],
  ] as const) {
    app.get<{ Params: { id: string } }>(`/os-hypervisors/:id/${suffix}`, async (request) => {
      const minor = request.novaMinor;
      requireBefore(minor, SINCE.computeUuids);
      const hosts = matching(await context.fleet.hosts(), request.params.id);
      return { hypervisors: hosts.map((host) => hypervisorSummary(host, { minor, withServers })) };
    });
  }
};

/** By number below 2.53, by uuid from there. @throws {NovaFault} 400 for what is no uuid, 404 */
async function requireHypervisor({ fleet }: NovaContext, id: string, minor: number): Promise<KnownHost> {
  if (minor >= SINCE.computeUuids && !isUuid(id)) throw new NovaFault(400, `Invalid uuid ${id}`);
  const host = (await fleet.hosts()).find((known) => String(hostId(known, minor)) === id);
  if (host === undefined) throw new NovaFault(404, `Hypervisor with ID '${id}' could not be found.`);
  return host;
}

async function list(request: FastifyRequest, { fleet }: NovaContext, view: typeof hypervisorSummary): Promise<object> {
  const minor = request.novaMinor;
  const query = parseQuery(hypervisorQuery, request.query);
  const pattern = minor >= SINCE.computeUuids ? query.hypervisor_hostname_pattern : undefined;
  if (pattern !== undefined && (query.limit !== undefined || query.marker !== undefined)) {
    const message = "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.";
    throw new NovaFault(400, message);
  }
  const all = await fleet.hosts();
  const hosts = pattern === undefined ? all : matching(all, pattern);
  const paging = minor >= SINCE.hypervisorPaging ? query : {};
  const { rows, next } = page(hosts, paging, (host) => String(hostId(host, minor)));
  const options = { minor, withServers: minor >= SINCE.computeUuids && query.with_servers === true };
  return {
    hypervisors: rows.map((host) => view(host, options)),
    ...(next === undefined ? {} : { hypervisors_links: [nextLink(request, next)] }),
  };
}

/** Nova matches anywhere in the name (SQL `LIKE %pattern%`). @throws {NovaFault} 404 when nothing does */
function matching(hosts: readonly KnownHost[], pattern: string): readonly KnownHost[] {
  const found = hosts.filter((host) => host.facts.host.includes(pattern));
  if (found.length === 0) throw new NovaFault(404, `No hypervisor matching '${pattern}' could be found.`);
  return found;
}
