import { z } from "zod";
import type { NovaRoutes } from "./nova-context.ts";
import { parseQuery } from "./nova-validation.ts";
import { one } from "./query-values.ts";
import { viewService } from "./service-view.ts";

const serviceQuery = z.object({ binary: one, host: one });

/** `GET /os-services`: each agent is a `nova-compute`, the word by which clients look for what runs servers. */
export const serviceRoutes: NovaRoutes = (app, { fleet }) => {
  app.get("/os-services", async (request) => {
    const { binary = "nova-compute", host } = parseQuery(serviceQuery, request.query);
    const hosts = binary === "nova-compute" ? await fleet.hosts() : [];
    const chosen = hosts.filter((known) => host === undefined || known.facts.host === host);
    return { services: chosen.map((known) => viewService(known, request.novaMinor)) };
  });
};
