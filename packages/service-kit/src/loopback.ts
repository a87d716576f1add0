import { DroverError } from "@drover/model";
import { z } from "zod";
import { isLoopback } from "./network-list.ts";

const reason = "it has no authentication and listens on loopback only; use 127.0.0.1, ::1 or localhost";

/**
 * Returns `host`; `key` is the configuration key that it comes from, for the message.
 *
 * @throws {DroverError} `bad-request` for anything beyond loopback.
 */
export function requireLoopback(host: string, key: string): string {
  if (isLoopback(host)) return host;
  throw new DroverError("bad-request", `${key}: refused to listen on ${host}: ${reason}`, { details: { key, host } });
}

/** A configuration value that names a loopback address to listen on. @default "127.0.0.1" */
export const loopbackHost = z
  .string()
  .refine(isLoopback, { error: reason })
  .default("127.0.0.1")
  .describe("Address to listen on; loopback only: it has no authentication.");

/** The headers by which a browser on this machine can be tricked into talking to us. */
export interface LocalRequestHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Why a request to a loopback port must be refused, or `undefined` for a good one. A web page is kept out by two
 * checks: `Host` must be a loopback name (DNS rebinding sends the attacker's name) and our own port, and `Origin`, which
 * browsers add to cross-site requests, must be absent or the same host and port.
 *
 * @param port The port that the server listens on; `undefined` skips that part.
 */
export function whyNotLocal(headers: LocalRequestHeaders, port: number | undefined): string | undefined {
  const authority = parseAuthority(headers.host);
  if (authority === undefined || !isLoopback(authority.hostname)) {
    return "the Host header must name this machine's loopback address";
  }
  if (port !== undefined && authority.port !== port) return `the Host header must name port ${port}`;
  if (headers.origin === undefined) return undefined;
  const origin = URL.canParse(headers.origin) ? new URL(headers.origin).host : undefined;
  return origin === authority.host ? undefined : "requests of other origins are refused";
}

function parseAuthority(header: string | undefined): { host: string; hostname: string; port: number } | undefined {
  const text = `http://${header ?? ""}`;
  if (header === undefined || !URL.canParse(text)) return undefined;
  const { host, hostname, port, pathname, username } = new URL(text);
  if (pathname !== "/" || username !== "") return undefined;
  return { host, hostname, port: port === "" ? 80 : Number(port) };
}
