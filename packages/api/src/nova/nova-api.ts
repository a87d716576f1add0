import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { logAnswer } from "../log-answer.ts";
import { aggregateRoutes } from "./aggregate-routes.ts";
import { availabilityZoneRoutes } from "./availability-zone-routes.ts";
import { flavorRoutes } from "./flavor-routes.ts";
import { hypervisorRoutes } from "./hypervisor-routes.ts";
import { instanceActionRoutes } from "./instance-action-routes.ts";
import { baseUrl } from "./links.ts";
import { requestedVersion } from "./microversion.ts";
import type { NovaContext } from "./nova-context.ts";
import { faultBody, NovaFault, novaFaultOf } from "./nova-fault.ts";
import { osMigrationRoutes } from "./os-migration-routes.ts";
import { serverActions } from "./server-actions.ts";
import { serverMigrationRoutes } from "./server-migration-routes.ts";
import { serverRoutes } from "./server-routes.ts";
import { serviceRoutes } from "./service-routes.ts";
import { serviceSettings } from "./service-settings.ts";
import { versionDocument } from "./version-documents.ts";

/** Everything under `/v2.1`; `app` has that prefix. */
export function novaApi(app: FastifyInstance, context: NovaContext): void {
  app.decorateRequest("novaMinor", 1);
  app.addHook("onRequest", async (request, reply) => negotiate(request, reply));
  app.setErrorHandler((error, request, reply) => {
    const fault = novaFaultOf(error, request.id);
    logAnswer(context.dependencies.logger, request, fault.status, error);
    return reply.code(fault.status).send(faultBody(fault));
  });
  app.setNotFoundHandler(() => {
    throw new NovaFault(404, "The resource could not be found.");
  });

  app.get("/", async (request) => versionDocument(baseUrl(request)));
  for (const routes of [
    serverRoutes,
    serverActions,
    serverMigrationRoutes,
    osMigrationRoutes,
    instanceActionRoutes,
    hypervisorRoutes,
    serviceRoutes,
    serviceSettings,
    aggregateRoutes,
    availabilityZoneRoutes,
    flavorRoutes,
  ]) {
    routes(app, context);
  }
}

/** Every answer echoes the version that it was made by, also one that says no. */
function negotiate(request: FastifyRequest, reply: FastifyReply): void {
  const { shown, minor, fault } = requestedVersion(request.headers);
  reply.headers({
    "OpenStack-API-Version": `compute ${shown}`,
    "X-OpenStack-Nova-API-Version": shown,
    Vary: "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    "x-openstack-request-id": request.id,
    "x-compute-request-id": request.id,
  });
  if (fault !== undefined) throw fault;
  if (minor !== undefined) request.novaMinor = minor;
}
