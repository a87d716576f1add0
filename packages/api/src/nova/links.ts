import type { FastifyRequest } from "fastify";

export interface Link {
  readonly rel: string;
  readonly href: string;
}

/** `http://127.0.0.1:8774`: the address as the client knows it; the Host header was checked before. */
export function baseUrl(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
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
  const url = new URL(request.originalUrl, baseUrl(request));
  url.searchParams.set("marker", marker);
  return { rel: "next", href: url.href };
}
