import type { FastifyRequest } from "fastify";

/** The peer's address; an IPv4 one as such, also where the socket is IPv6's. */
export function remoteAddressOf({ ip }: Pick<FastifyRequest, "ip">): string {
  return ip.replace(/^::ffff:(?=\d+\.)/, "");
}
