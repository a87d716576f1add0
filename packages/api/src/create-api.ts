import { randomUUID } from "node:crypto";
import { createFleet, createMigrationViews, progressHistoryReader, progressReader } from "@drover/fleet";
import { DroverError } from "@drover/model";
import { isLoopback, whyNotLocal } from "@drover/service-kit";
import swagger from "@fastify/swagger";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import type { ApiDependencies } from "./api-dependencies.ts";
import { ApiAudit } from "./audit/api-audit.ts";
import { controlAccess } from "./auth/access-control.ts";
import { closeInOrder } from "./close-in-order.ts";
import { docsPage } from "./docs-page.ts";
import { EventHub } from "./events/event-hub.ts";
import { eventOpener } from "./events/open-events.ts";
import { healthRoutes } from "./health-routes.ts";
import { httpMetrics } from "./http-metrics.ts";
import { KEEP_ALIVE_MS, REQUEST_TIMEOUT_MS, tlsServer } from "./listening.ts";
import { logAnswer } from "./log-answer.ts";
import { namePatterns } from "./name-filter.ts";
import { baseUrl } from "./nova/links.ts";
import { novaApi } from "./nova/nova-api.ts";
import { faultBody, NovaFault } from "./nova/nova-fault.ts";
import { versionList } from "./nova/version-documents.ts";
import { traceRequests } from "./trace-requests.ts";
import { errorReply } from "./v1/error-reply.ts";
import { v1Api } from "./v1/v1-api.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Its answer ends when somebody goes away, or the API stops. */
    readonly isStream?: boolean;
  }
}

/** No request of ours is near it; a larger body is refused before it is read. */
const BODY_LIMIT_BYTES = 64 * 1024;

/**
 * The API as a Fastify instance that does not listen yet: tests call it with `inject`, {@link startApi} makes it listen.
 *
 * `/v2.1` is Nova's, `/v1` Drover's own. Requests need a token whose role may what they ask for. Nothing here writes to
 * the store. With the cache away, progress comes from the store and says so; with the broker away, reading works on.
 */
export async function createApi(dependencies: ApiDependencies): Promise<FastifyInstance> {
  const { store, progress, clock, logger, config } = dependencies;
  const serverFactory = await tlsServer(config);
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: () => `req-${randomUUID()}`,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 300 },
    forceCloseConnections: "idle",
    frameworkErrors: answerUnroutable,
    trustProxy: config.trusted_proxies.length > 0 && [...config.trusted_proxies],
    ...(serverFactory === undefined ? {} : { serverFactory }),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  acceptEmptyJson(app);

  app.addHook("onRequest", async (request) => {
    // Beyond loopback it has other names; there as here, no page of somebody else's has a token.
    if (!isLoopback(config.host)) return;
    const refusal = whyNotLocal(request.headers, listeningPort(app));
    if (refusal !== undefined) throw new LocalOnlyError(refusal);
  });
  const audit = new ApiAudit(dependencies);
  app.addHook("onClose", () => audit.close());
  const access = controlAccess(app, dependencies, audit);
  if (dependencies.traced === true) traceRequests(app);
  const metrics = dependencies.metrics && httpMetrics(dependencies.metrics);
  app.addHook("onResponse", async (request, reply) => {
    const { method, id: requestId, routeOptions } = request;
    const route = routeOptions.url ?? "none";
    const fields = { requestId, method, route, status: reply.statusCode };
    // How long somebody watched is not how long an answer took.
    if (routeOptions.config.isStream !== true) {
      metrics?.answered(method, route, reply.statusCode, reply.elapsedTime / 1000);
    }
    logger.debug({ ...fields, durationMs: Math.round(reply.elapsedTime) }, "request answered");
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = errorReply(error, request.id);
    logAnswer(logger, request, status, error);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new DroverError("not-found", `there is no ${request.method} ${request.url}; APIs are /v2.1 and /v1`);
  });

  await app.register(swagger, {
    hideUntagged: true,
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Drover",
        version: "1.0.0",
        description: "Live migrations of libvirt guests: start, watch, steer.",
      },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "A token of Drover: `drv_…`." },
        },
      },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  });
  await docsPage(app);
  const fleet = createFleet(store, clock);
  const readProgress = progressReader(dependencies);
  const patterns = namePatterns(clock);
  const context = { dependencies, fleet, readProgress, audit, patterns };
  const migrations = createMigrationViews({ store, fleet, readProgress });
  const readHistory = progressHistoryReader(dependencies);
  const hub = new EventHub({ ...{ store, progress, clock, logger, metrics }, maxStreams: config.max_event_streams });
  app.addHook("preClose", () => hub.close());
  closeInOrder(app);
  const events = eventOpener({ hub, store, fleet, migrations, clock, access, metrics });
  healthRoutes(app, dependencies);
  app.get("/", async (request) => versionList(baseUrl(request)));
  await app.register(async (scope) => novaApi(scope, context), { prefix: "/v2.1" });
  await app.register(
    async (scope) => v1Api(scope.withTypeProvider<ZodTypeProvider>(), { ...context, migrations, readHistory, events }),
    { prefix: "/v1" },
  );
  await app.ready();
  return app;
}

/** The transformer describes every schema twice, as input and as output; only what a route leads to is kept. */
function withoutUnused(document: ReturnType<typeof jsonSchemaTransformObject>): typeof document {
  if (!("components" in document)) return document;
  const all: Record<string, unknown> = document.components?.schemas ?? {};
  const used = new Set<string>();
  const waiting: unknown[] = [document.paths];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    for (const [, name] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name === undefined || used.has(name)) continue;
      used.add(name);
      waiting.push(all[name]);
    }
  }
  const schemas = Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
  return { ...document, components: { ...document.components, schemas } } as typeof document;
}

/** Refused before anything is read: a 403 in either API's form. */
class LocalOnlyError extends Error {
  readonly statusCode = 403;
}

/** A path that cannot be decoded, or is too long, reaches no route, so neither API's error handler. */
function answerUnroutable(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  if (request.url.startsWith("/v2.1")) {
    const fault = new NovaFault(errorReply(error, request.id).status, error.message);
    reply.code(fault.status).send(faultBody(fault));
    return;
  }
  const { status, body } = errorReply(error, request.id);
  reply.code(status).send(body);
}

/** `undefined` while not listening, so that `inject` needs no port. */
function listeningPort(app: FastifyInstance): number | undefined {
  const [address] = app.addresses();
  return typeof address === "object" ? address.port : undefined;
}

/** Clients send `Content-Type: application/json` with an empty body on DELETE and POST; that is no body, not a bad one. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.trim() === "") return done(null, undefined);
    return parse(request, body, done);
  });
}
