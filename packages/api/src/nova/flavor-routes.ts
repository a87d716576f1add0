import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { type FlavorSize, flavorDetail, flavorId, flavorSize, flavorSummary, parseFlavorId } from "./flavor-view.ts";
import { baseUrl, nextLink } from "./links.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, one } from "./query-values.ts";
import { page } from "./server-filter.ts";

/** What is not named here is ignored, as Nova does. */
const flavorQuery = z.object({ limit: count, marker: one });

/** `/flavors[/detail][/{id}]`: the sizes that the servers have. */
export const flavorRoutes: NovaRoutes = (app, context) => {
  app.get("/flavors", async (request) => {
    const { rows, links } = await listed(request, context);
    return { flavors: rows.map((size) => flavorSummary(size, baseUrl(request))), ...links };
  });

  app.get("/flavors/detail", async (request) => {
    const { rows, links } = await listed(request, context);
    return { flavors: rows.map((size) => flavorDetail(size, baseUrl(request), request.novaMinor)), ...links };
  });

  app.get<{ Params: { id: string } }>("/flavors/:id", async (request) => {
    const size = parseFlavorId(request.params.id);
    if (size === undefined) throw new NovaFault(404, `Flavor ${request.params.id} could not be found.`);
    return { flavor: flavorDetail(size, baseUrl(request), request.novaMinor) };
  });

  // Clients ask for them below 2.61, where the flavor does not hold them.
  app.get("/flavors/:id/os-extra_specs", async () => ({ extra_specs: {} }));
};

async function listed(request: FastifyRequest, context: NovaContext) {
  const query = parseQuery(flavorQuery, request.query);
  const { rows, next } = page(await sizes(context), query, flavorId);
  return { rows, links: next === undefined ? {} : { flavors_links: [nextLink(request, next)] } };
}

/** The smallest first. */
async function sizes({ fleet }: NovaContext): Promise<readonly FlavorSize[]> {
  const all = (await fleet.servers()).map(flavorSize);
  const sizes = [...new Map(all.map((size) => [flavorId(size), size])).values()];
  return sizes.sort((a, b) => a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB);
}
