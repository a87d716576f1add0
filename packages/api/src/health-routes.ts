import { summarizeReadiness } from "@drover/service-kit";
import type { FastifyInstance } from "fastify";
import type { ApiDependencies } from "./api-dependencies.ts";

/** `/healthz` and `/readyz` beside the API, for load balancers that know one port only. */
export function healthRoutes(app: FastifyInstance, { readiness }: ApiDependencies): void {
  app.get("/healthz", async () => ({ status: "ok", service: "api" }));
  app.get("/readyz", async (_request, reply) => {
    const checks = (await readiness?.report()) ?? [];
    const { status, ready } = summarizeReadiness(checks);
    return reply.code(ready ? 200 : 503).send({ status, service: "api", checks });
  });
}
