import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DroverError } from "@drover/model";
import { requireLoopback, whyNotLocal } from "./loopback.ts";
import type { Metrics } from "./metrics.ts";
import { type Readiness, summarizeReadiness } from "./readiness.ts";
import type { RunningService } from "./running-service.ts";

export interface HealthServerOptions {
  readonly service: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** False while the service is being built: not ready, whatever the checks say. */
  readonly isStarted: () => boolean;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
}

export interface HealthServer extends RunningService {
  /** `http://127.0.0.1:41234` */
  readonly address: string;
}

/**
 * Serves `/healthz` (the process answers), `/readyz` (200, or 503 with what is missing and since when) and `/metrics`
 * on a loopback port of its own, so that watching never competes with work.
 *
 * @throws {DroverError} `bad-request` beyond loopback, `unavailable` when the port is taken.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const host = requireLoopback(options.host, "health.host");
  const server = createServer((request, response) => {
    answer(request, response, options).catch(() => send(response, 500, { status: "error" }));
  });
  server.headersTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const what = `opening the health port ${host}:${options.port}; choose another with DROVER_HEALTH_PORT`;
      reject(new DroverError("unavailable", what, { cause }));
    });
    server.listen(options.port, host, resolve);
  });
  const { port } = addressOf(server.address());
  return {
    address: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new DroverError("internal", "the server has no port");
  return address;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HealthServerOptions): Promise<void> {
  const refusal = whyNotLocal(request.headers, request.socket.localPort);
  if (refusal !== undefined) return send(response, 403, { status: "refused", reason: refusal });
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, { status: "GET only" });
  switch (new URL(request.url ?? "/", "http://localhost").pathname) {
    case "/healthz":
      return send(response, 200, { status: "ok", service: options.service });
    case "/readyz": {
      const checks = await options.readiness.report();
      // What a service needs is known only once it has started.
      if (!options.isStarted()) return send(response, 503, { status: "starting", service: options.service, checks });
      const { status, ready } = summarizeReadiness(checks);
      return send(response, ready ? 200 : 503, { status, service: options.service, checks });
    }
    case "/metrics":
      response.writeHead(200, { "content-type": options.metrics.contentType }).end(await options.metrics.text());
      return;
    default:
      return send(response, 404, { status: "not found", routes: ["/healthz", "/readyz", "/metrics"] });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
