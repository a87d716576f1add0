import { DroverError } from "@drover/model";
import type { FastifyRequest } from "fastify";

/** A name or an address, and perhaps a port: RFC 9110, section 7.2. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

export interface Link {
  readonly rel: string;
  readonly href: string;
}

/**
 * `http://127.0.0.1:8774`: the address as the client knows it, by the `Host` header, or what a trusted proxy says.
 *
 * @throws {DroverError} `bad-request` for one that is none
 */
export function baseUrl({ protocol, host }: FastifyRequest): string {
  const base = `${protocol}://${host}`;
  if (/^https?$/.test(protocol) && HOST.test(host) && URL.canParse(base)) return base;
  throw new DroverError(
    "bad-request",
    "Host, or what the proxy forwards of it: must be a name or an address, and a port",
    {
      details: { field: "Host" },
    },
  );
}

/** Nova's pair: `self` with the version in it, `bookmark` without. */
export function resourceLinks(base: string, path: string): readonly Link[] {
  return [
    { rel: "self", href: `${base}/v2.1${path}` },
    { rel: "bookmark", href: `${base}${path}` },
  ];
}

/** The same request, continued after `marker`. */
export function nextLink(request: FastifyRequest, marker: string): Link {
  const url = new URL(`${baseUrl(request)}${request.originalUrl}`);
  url.searchParams.set("marker", marker);
  return { rel: "next", href: url.href };
}
