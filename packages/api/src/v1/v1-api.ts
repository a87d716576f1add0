import { DroverError } from "@drover/model";
import { logAnswer } from "../log-answer.ts";
import { auditRoutes } from "./audit-routes.ts";
import { busRoutes } from "./bus-routes.ts";
import { errorReply } from "./error-reply.ts";
import { eventRoutes } from "./event-routes.ts";
import { hostRoutes } from "./host-routes.ts";
import { migrationRoutes } from "./migration-routes.ts";
import { aggregateRoutes, serverGroupRoutes } from "./placement-routes.ts";
import { serverRoutes } from "./server-routes.ts";
import { tokenRoutes } from "./token-routes.ts";
import type { V1App, V1Context } from "./v1-context.ts";
import { webhookRoutes } from "./webhook-routes.ts";

/** Everything under `/v1`; `app` has that prefix. */
export function v1Api(app: V1App, context: V1Context): void {
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = errorReply(error, request.id);
    logAnswer(context.dependencies.logger, request, status, error);
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new DroverError("not-found", `there is no ${request.method} ${request.url}; see /v1/openapi.json`);
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  hostRoutes(app, context);
  serverRoutes(app, context);
  migrationRoutes(app, context);
  eventRoutes(app, context.events);
  serverGroupRoutes(app, context);
  aggregateRoutes(app, context);
  webhookRoutes(app, context);
  busRoutes(app, context);
  tokenRoutes(app, context);
  auditRoutes(app, context);
}
