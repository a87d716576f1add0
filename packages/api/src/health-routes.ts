import { isLoopback, type ReadinessEntry, summarizeReadiness } from "@drover/service-kit";
import type { FastifyInstance } from "fastify";
import type { ApiDependencies } from "./api-dependencies.ts";

/** An answer of `/readyz` serves everybody who asks within so long, ms. */
const READY_FOR_MS = 1_000;

/**
 * `/healthz` and `/readyz` beside the API, for load balancers that know one port only. They ask for no token, so beyond loopback
 * they say whether, and not why not: that is on the health port.
 */
export function healthRoutes(app: FastifyInstance, { readiness, config, clock }: ApiDependencies): void {
  let newest: { readonly atMs: number; readonly checks: Promise<readonly ReadinessEntry[]> } | undefined;
  const look = () => {
    const nowMs = clock.monotonicMs();
    if (newest === undefined || nowMs - newest.atMs >= READY_FOR_MS) {
      newest = { atMs: nowMs, checks: readiness?.report() ?? Promise.resolve([]) };
    }
    return newest.checks;
  };

  app.get("/healthz", async () => ({ status: "ok", service: "api" }));
  app.get("/readyz", async (_request, reply) => {
    const checks = await look();
    const { status, ready } = summarizeReadiness(checks);
    const why = isLoopback(config.host) ? { checks } : {};
    return reply.code(ready ? 200 : 503).send({ status, service: "api", ...why });
  });
}
