import { updateHost } from "@drover/contracts";
import type { KnownHost } from "@drover/fleet";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { SINCE } from "./microversion.ts";
import { novaBoolean } from "./nova-boolean.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseBody } from "./nova-validation.ts";
import { requireService } from "./service-routes.ts";
import { viewService } from "./service-view.ts";

const reason = z.string().min(1).max(255);

const serviceUpdate = z.strictObject({
  status: z.enum(["enabled", "disabled"]).optional(),
  disabled_reason: reason.optional(),
  forced_down: novaBoolean.optional(),
});

const name = z.string().min(1).max(255);
const named = z.strictObject({ host: name, binary: name });

/** What is set of a host; as `update_host` has it. */
interface Settings {
  readonly enabled?: boolean;
  readonly disabledReason?: string | null;
  readonly forcedDown?: boolean;
}

/** What one of the older requests sets, and what its answer has of it. */
interface NamedUpdate {
  readonly host: string;
  readonly binary: string;
  readonly settings: Settings;
  readonly shown: object;
}

/** Each with the version that brought it and its body. */
const namedUpdates: Readonly<Record<string, { since: number; read: (body: unknown) => NamedUpdate }>> = {
  enable: {
    since: 1,
    read: (body) => ({ ...parseBody(named, body), settings: { enabled: true }, shown: { status: "enabled" } }),
  },
  disable: {
    since: 1,
    read: (body) => ({
      ...parseBody(named, body),
      settings: { enabled: false, disabledReason: null },
      shown: { status: "disabled" },
    }),
  },
  "disable-log-reason": {
    since: 1,
    read: (body) => {
      const { disabled_reason: why, ...service } = parseBody(named.extend({ disabled_reason: reason }), body);
      const shown = { status: "disabled", disabled_reason: why };
      return { ...service, settings: { enabled: false, disabledReason: why }, shown };
    },
  },
  "force-down": {
    since: SINCE.forcedDown,
    read: (body) => {
      const { forced_down: forcedDown, ...service } = parseBody(named.extend({ forced_down: novaBoolean }), body);
      return { ...service, settings: { forcedDown }, shown: { forced_down: forcedDown } };
    },
  },
};

/**
 * `PUT /os-services/…`: a `nova-compute` that is disabled is a host that is chosen for no migration, one that is forced down
 * counts as down. By uuid from 2.53; before that `enable`, `disable`, `disable-log-reason` and `force-down` name it by host
 * and binary, as nova/api/openstack/compute/services.py does.
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
  const host = await requireService(context, uuid, request.novaMinor);
  const { status, disabled_reason: why, forced_down: forcedDown } = parseBody(serviceUpdate, request.body);
  if (why !== undefined && status !== "disabled") {
    throw new NovaFault(400, "Specifying 'disabled_reason' when status is 'enabled' is invalid.");
  }
  if (status === undefined && forcedDown === undefined) {
    throw new NovaFault(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
  }
  await set(context, request, host, {
    ...(status === undefined ? {} : { enabled: status === "enabled" }),
    ...(status === "disabled" ? { disabledReason: why ?? null } : {}),
    ...(forcedDown === undefined ? {} : { forcedDown }),
  });
  const after = (await context.fleet.host(host.facts.host)) ?? host;
  return { service: viewService(after, request.novaMinor) };
}

async function updateByName(context: NovaContext, request: FastifyRequest, action: string): Promise<object> {
  const update = Object.hasOwn(namedUpdates, action) ? namedUpdates[action] : undefined;
  if (update === undefined || request.novaMinor < update.since) throw new NovaFault(404, "Unknown action");
  const { host: hostName, binary, settings, shown } = update.read(request.body);
  const host = binary === "nova-compute" ? await context.fleet.host(hostName) : undefined;
  if (host === undefined) throw new NovaFault(404, `Could not find binary ${binary} on host ${hostName}.`);
  await set(context, request, host, settings);
  return { service: { host: hostName, binary, ...shown } };
}

async function set(
  { dependencies }: NovaContext,
  request: FastifyRequest,
  { facts }: KnownHost,
  settings: Settings,
): Promise<void> {
  const asked = { host: facts.host, settings, requestedBy: request.identity.userId };
  await askConductor(dependencies, updateHost, asked, rpcContext(request));
}
