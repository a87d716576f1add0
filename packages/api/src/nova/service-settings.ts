import { updateHost } from "@drover/contracts";
import type { KnownHost } from "@drover/fleet";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseBody } from "./nova-validation.ts";
import { viewService } from "./service-view.ts";

const reason = z.string().min(1).max(255);

const serviceUpdate = z.strictObject({
  status: z.enum(["enabled", "disabled"]).optional(),
  disabled_reason: reason.optional(),
  forced_down: z.boolean().optional(),
});

const name = z.string().min(1).max(255);
const namedService = z.strictObject({ host: name, binary: name, disabled_reason: z.undefined().optional() });
const namedServiceWithReason = z.strictObject({ host: name, binary: name, disabled_reason: reason });

/**
 * `PUT /os-services/…`: a `nova-compute` that is disabled is a host that is chosen for no migration. By uuid from 2.53; before
 * that `enable`, `disable` and `disable-log-reason` name it by host and binary, as nova/api/openstack/compute/services.py does.
 */
export const serviceSettings: NovaRoutes = (app, context) => {
  app.put<{ Params: { id: string } }>("/os-services/:id", async (request) => {
    const { id } = request.params;
    return request.novaMinor >= SINCE.computeUuids
      ? await updateByUuid(context, request, id)
      : await updateByName(context, request, id);
  });
};

async function updateByUuid(context: NovaContext, request: FastifyRequest, uuid: string): Promise<object> {
  const { status, disabled_reason: why, forced_down: forcedDown } = parseBody(serviceUpdate, request.body);
  if (forcedDown === true) {
    throw new NovaFault(400, "forced_down is not served by Drover: stop the agent of that host instead.");
  }
  if (status === undefined && forcedDown === undefined) {
    throw new NovaFault(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
  }
  if (why !== undefined && status !== "disabled") {
    throw new NovaFault(400, "Specifying 'disabled_reason' when status is 'enabled' is invalid.");
  }
  const host = (await context.fleet.hosts()).find((known) => known.uuid === uuid);
  if (host === undefined) throw new NovaFault(404, `Compute service ${uuid} could not be found.`);
  if (status !== undefined) await set(context, request, host, status === "enabled", why);
  const after = (await context.fleet.host(host.facts.host)) ?? host;
  return { service: viewService(after, request.novaMinor) };
}

async function updateByName(context: NovaContext, request: FastifyRequest, action: string): Promise<object> {
  if (action !== "enable" && action !== "disable" && action !== "disable-log-reason") {
    throw new NovaFault(404, `There is no action ${action} of services`);
  }
  const schema = action === "disable-log-reason" ? namedServiceWithReason : namedService;
  const { host: hostName, binary, disabled_reason: why } = parseBody(schema, request.body);
  const host = binary === "nova-compute" ? await context.fleet.host(hostName) : undefined;
  if (host === undefined) throw new NovaFault(404, `Could not find binary ${binary} on host ${hostName}.`);
  await set(context, request, host, action === "enable", why);
  const status = action === "enable" ? "enabled" : "disabled";
  return { service: { host: hostName, binary, status, ...(why === undefined ? {} : { disabled_reason: why }) } };
}

async function set(
  { dependencies }: NovaContext,
  request: FastifyRequest,
  { facts }: KnownHost,
  enabled: boolean,
  why: string | undefined,
): Promise<void> {
  const settings = { enabled, ...(enabled ? {} : { disabledReason: why ?? null }) };
  const asked = { host: facts.host, settings, requestedBy: request.identity.userId };
  await askConductor(dependencies, updateHost, asked, rpcContext(request));
}
