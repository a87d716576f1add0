import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { DroverError } from "@drover/model";
import { isLoopback } from "@drover/service-kit";
import type { FastifyServerFactory } from "fastify";
import type { ApiConfig } from "./api-config.ts";

/** So long a request may take to arrive, ms. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** So long a connection stays open between two requests, ms: longer than a proxy before it keeps its own. */
export const KEEP_ALIVE_MS = 72_000;

/**
 * Refuses to send tokens over a network in the clear, unless told to.
 *
 * @throws {DroverError} `bad-request` naming the keys to set.
 */
export function requireSafeListening({ host, tls_cert_path, tls_key_path, insecure }: ApiConfig): void {
  if ((tls_cert_path === null) !== (tls_key_path === null)) {
    const missing = tls_cert_path === null ? "tls_cert_path" : "tls_key_path";
    throw new DroverError("bad-request", `api.${missing}: must be given too: a certificate needs its key`, {
      details: { key: `api.${missing}` },
    });
  }
  if (isLoopback(host) || tls_cert_path !== null || insecure) return;
  const remedy = "set api.tls_cert_path and api.tls_key_path; or api.insecure = true, where a proxy before it ends TLS";
  throw new DroverError("bad-request", `api.host: refused to listen on ${host} without TLS: ${remedy}`, {
    details: { key: "api.host", host },
  });
}

/**
 * What makes the server speak TLS; `undefined` where it is not to.
 *
 * @throws {DroverError} `bad-request` for files that cannot be read, or are no certificate and its key.
 */
export async function tlsServer({ tls_cert_path, tls_key_path }: ApiConfig): Promise<FastifyServerFactory | undefined> {
  if (tls_cert_path === null || tls_key_path === null) return undefined;
  const [cert, key] = await Promise.all([
    readPem("api.tls_cert_path", tls_cert_path),
    readPem("api.tls_key_path", tls_key_path),
  ]);
  return (handler): Server => {
    try {
      const times = { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS };
      return createServer({ cert, key, minVersion: "TLSv1.2", ...times }, handler);
    } catch (cause) {
      throw new DroverError("bad-request", `api.tls_cert_path, api.tls_key_path: no certificate and its key`, {
        cause,
      });
    }
  };
}

async function readPem(key: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DroverError("bad-request", `${key}: ${path} cannot be read`, { cause, details: { key, path } });
  }
}
