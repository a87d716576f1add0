import type { KnownHost } from "@drover/fleet";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { hostId, hypervisorDetail, hypervisorSummary } from "./hypervisor-view.ts";
import { nextLink } from "./links.ts";
import { SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { page } from "./server-filter.ts";

const hypervisorQuery = z.object({
  hypervisor_hostname_pattern: z.string().optional(),
  with_servers: z
    .string()
    .transform((value) => /^(true|1|yes|on|t|y)$/i.test(value))
    .optional(),
  limit: z
    .string()
    .regex(/^[0-9]{1,9}$/, "a whole number")
    .transform(Number)
    .optional(),
  marker: z.string().optional(),
});

/** `/os-hypervisors[/detail][/{id}]`, and below 2.53 `/{pattern}/search` and `/{pattern}/servers` */
export const hypervisorRoutes: NovaRoutes = (app, context) => {
  app.get("/os-hypervisors", (request) => list(request, context, hypervisorSummary));
  app.get("/os-hypervisors/detail", (request) => list(request, context, hypervisorDetail));

  app.get<{ Params: { id: string } }>("/os-hypervisors/:id", async (request) => {
    const { id } = request.params;
    const query = parseQuery(hypervisorQuery, request.query);
    const host = (await context.fleet.hosts()).find((known) => String(hostId(known, request.novaMinor)) === id);
    if (host === undefined) throw new NovaFault(404, `Compute host ${id} could not be found.`);
    const options = { minor: request.novaMinor, withServers: query.with_servers === true };
    return { hypervisor: hypervisorDetail(host, options) };
  });

  for (const [suffix, withServers] of [
    ["search", false],
    ["servers", true],
  ] as const) {
    app.get<{ Params: { pattern: string } }>(`/os-hypervisors/:pattern/${suffix}`, async (request) => {
      const minor = request.novaMinor;
      if (minor >= SINCE.computeUuids) throw new NovaFault(404, "The resource could not be found.");
      const hosts = matching(await context.fleet.hosts(), request.params.pattern);
      return { hypervisors: hosts.map((host) => hypervisorSummary(host, { minor, withServers })) };
    });
  }
};

async function list(request: FastifyRequest, { fleet }: NovaContext, view: typeof hypervisorSummary): Promise<object> {
  const minor = request.novaMinor;
  const query = parseQuery(hypervisorQuery, request.query);
  const pattern = minor >= SINCE.computeUuids ? query.hypervisor_hostname_pattern : undefined;
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
