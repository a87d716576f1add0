import { deleteHost } from "@drover/contracts";
import { isUuid, type KnownHost } from "@drover/fleet";
import { isDroverError } from "@drover/model";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { hostId } from "./hypervisor-view.ts";
import { SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { one } from "./query-values.ts";
import { viewService } from "./service-view.ts";

const serviceQuery = z.object({ binary: one, host: one });

/** `/os-services`: each agent is a `nova-compute`, the word by which clients look for what runs servers. */
export const serviceRoutes: NovaRoutes = (app, context) => {
  const { fleet, dependencies } = context;

  app.get("/os-services", async (request) => {
    const { binary = "nova-compute", host } = parseQuery(serviceQuery, request.query);
    const hosts = binary === "nova-compute" ? await fleet.hosts() : [];
    const chosen = hosts.filter((known) => host === undefined || known.facts.host === host);
    return { services: chosen.map((known) => viewService(known, request.novaMinor)) };
  });

  app.delete<{ Params: { id: string } }>("/os-services/:id", async (request, reply) => {
    const { facts } = await requireService(context, request.params.id, request.novaMinor);
    const asked = { host: facts.host, requestedBy: request.identity.userId };
    try {
      await askConductor(dependencies, deleteHost, asked, rpcContext(request));
    } catch (error) {
      if (!isDroverError(error, "refused")) throw error;
      throw new NovaFault(409, `Unable to delete compute service: ${error.message}.`, { cause: error });
    }
    return reply.code(204).send();
  });
};

/** By number below 2.53, by uuid from there. @throws {NovaFault} 400 for what is neither, 404 */
export async function requireService({ fleet }: NovaContext, id: string, minor: number): Promise<KnownHost> {
  const byUuid = minor >= SINCE.computeUuids;
  if (byUuid && !isUuid(id)) throw new NovaFault(400, `Invalid uuid ${id}`);
  if (!byUuid && !/^[0-9]{1,15}$/.test(id)) throw new NovaFault(400, "id must be an integer");
  const host = (await fleet.hosts()).find((known) => String(hostId(known, minor)) === id);
  if (host === undefined) throw new NovaFault(404, `Service ${id} not found.`);
  return host;
}
