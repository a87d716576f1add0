import { DroverError, type Role } from "@drover/model";

/** The least role that may use a route; `public` ones need no token. */
export type RouteAccess = Role | "public";

/**
 * Who may do what: every route of the API by its method and pattern, with the least role for it. The API does not start
 * with a route that is not here. HEAD is as GET.
 */
export const policyTable: Readonly<Record<string, RouteAccess>> = {
  "GET /": "public",
  "GET /healthz": "public",
  "GET /readyz": "public",

  "GET /docs": "public",
  "GET /docs/json": "public",
  "GET /docs/yaml": "public",
  "GET /docs/static/*": "public",
  "GET /docs/static/index.html": "public",
  "GET /docs/static/swagger-initializer.js": "public",

  "GET /v1/openapi.json": "public",
  "GET /v1/events": "reader",
  "GET /v1/hosts": "reader",
  "PATCH /v1/hosts/:host": "operator",
  "GET /v1/hosts/:host/migration-preflight": "reader",
  "GET /v1/servers": "reader",
  "GET /v1/servers/:server": "reader",
  "PATCH /v1/servers/:server": "operator",
  "GET /v1/servers/:server/migration-preflight": "reader",
  "POST /v1/servers/:server/migrations": "operator",
  "GET /v1/migrations": "reader",
  "GET /v1/migrations/:migration": "reader",
  "GET /v1/migrations/:migration/progress-history": "reader",
  "GET /v1/migrations/:migration/events": "reader",
  "POST /v1/migrations/:migration/force-complete": "operator",
  "POST /v1/migrations/:migration/abort": "operator",
  "POST /v1/migrations/:migration/tune": "operator",
  "POST /v1/migrations/:migration/priority": "operator",
  "POST /v1/migrations/:migration/resume": "operator",
  "GET /v1/server-groups": "reader",
  "POST /v1/server-groups": "operator",
  "PATCH /v1/server-groups/:group": "operator",
  "DELETE /v1/server-groups/:group": "operator",
  "GET /v1/aggregates": "reader",
  "POST /v1/aggregates": "operator",
  "PATCH /v1/aggregates/:aggregate": "operator",
  "DELETE /v1/aggregates/:aggregate": "operator",
  "GET /v1/webhooks": "admin",
  "POST /v1/webhooks": "admin",
  "PATCH /v1/webhooks/:webhook": "admin",
  "DELETE /v1/webhooks/:webhook": "admin",
  "POST /v1/webhooks/:webhook/test": "admin",
  "GET /v1/bus/parked": "admin",
  "POST /v1/bus/parked/:id/send-again": "admin",
  "DELETE /v1/bus/parked/:id": "admin",
  "GET /v1/tokens": "admin",
  "POST /v1/tokens": "admin",
  "DELETE /v1/tokens/:id": "admin",
  "GET /v1/audit": "admin",

  "GET /v2.1": "public",
  "GET /v2.1/servers": "reader",
  "GET /v2.1/servers/detail": "reader",
  "GET /v2.1/servers/:id": "reader",
  "POST /v2.1/servers/:id/action": "operator",
  "GET /v2.1/servers/:id/migrations": "reader",
  "GET /v2.1/servers/:id/migrations/:migrationId": "reader",
  "POST /v2.1/servers/:id/migrations/:migrationId/action": "operator",
  "DELETE /v2.1/servers/:id/migrations/:migrationId": "operator",
  "GET /v2.1/servers/:id/os-instance-actions": "reader",
  "GET /v2.1/servers/:id/os-instance-actions/:requestId": "reader",
  "GET /v2.1/os-migrations": "reader",
  "GET /v2.1/os-hypervisors": "reader",
  "GET /v2.1/os-hypervisors/detail": "reader",
  "GET /v2.1/os-hypervisors/:id": "reader",
  "GET /v2.1/os-hypervisors/statistics": "reader",
  "GET /v2.1/os-hypervisors/:id/uptime": "reader",
  "GET /v2.1/os-hypervisors/:id/search": "reader",
  "GET /v2.1/os-hypervisors/:id/servers": "reader",
  "GET /v2.1/os-aggregates": "reader",
  "GET /v2.1/os-aggregates/:id": "reader",
  "GET /v2.1/os-availability-zone": "reader",
  "GET /v2.1/os-availability-zone/detail": "reader",
  "GET /v2.1/os-services": "reader",
  "PUT /v2.1/os-services/:id": "operator",
  "DELETE /v2.1/os-services/:id": "admin",
  "GET /v2.1/flavors": "reader",
  "GET /v2.1/flavors/detail": "reader",
  "GET /v2.1/flavors/:id": "reader",
  "GET /v2.1/flavors/:id/os-extra_specs": "reader",
};

/** The least role for an action of a server, where that is more than its route asks for. */
export const actionPolicy: Readonly<Record<string, Role>> = { "os-resetState": "admin" };

/** @throws {DroverError} `internal` for a route that is not in the table */
export function routeAccess(method: string, pattern: string): RouteAccess {
  const rule = `${method === "HEAD" ? "GET" : method} ${pattern === "/" ? pattern : pattern.replace(/\/$/, "")}`;
  const access = policyTable[rule];
  if (access === undefined) throw new DroverError("internal", `the route ${rule} is not in policy-table.ts`);
  return access;
}
