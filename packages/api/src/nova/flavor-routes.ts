import { flavorDetail, flavorId, flavorSize, flavorSummary, parseFlavorId } from "./flavor-view.ts";
import { baseUrl } from "./links.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";

/** `/flavors[/detail][/{id}]`: the sizes that the servers have. */
export const flavorRoutes: NovaRoutes = (app, context) => {
  app.get("/flavors", async (request) => ({
    flavors: (await sizes(context)).map((size) => flavorSummary(size, baseUrl(request))),
  }));

  app.get("/flavors/detail", async (request) => ({
    flavors: (await sizes(context)).map((size) => flavorDetail(size, baseUrl(request), request.novaMinor)),
  }));

  app.get<{ Params: { id: string } }>("/flavors/:id", async (request) => {
    const size = parseFlavorId(request.params.id);
    if (size === undefined) throw new NovaFault(404, `Flavor ${request.params.id} could not be found.`);
    return { flavor: flavorDetail(size, baseUrl(request), request.novaMinor) };
  });

  // Clients ask for them below 2.61, where the flavor does not hold them.
  app.get("/flavors/:id/os-extra_specs", async () => ({ extra_specs: {} }));
};

async function sizes({ fleet }: NovaContext) {
  const all = (await fleet.servers()).map(flavorSize);
  return [...new Map(all.map((size) => [flavorId(size), size])).values()];
}
