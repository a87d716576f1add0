import type { Duplex } from "node:stream";
import type { LibvirtHandlers, ServerOptions } from "./libvirt-handlers.ts";
import { LibvirtServerSession } from "./server-session.ts";

/**
 * Speaks libvirtd's side on a socket that a client has just opened. Give it the socket before its first data is read.
 *
 * ```ts
 * net.createServer((socket) => serveConnection(socket, { connectGetHostname: () => ({ hostname: "sim-1" }) }));
 * ```
 */
export function serveConnection(
  socket: Duplex,
  handlers: LibvirtHandlers,
  options: ServerOptions = {},
): LibvirtServerSession {
  return new LibvirtServerSession(socket, handlers, options);
}
