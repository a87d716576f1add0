import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

/** Requests that are under way at the stop are answered within this, ms, or cut. */
const ANSWERED_WITHIN_MS = 8_000;

/**
 * Has `app.close()` wait until what is being answered has left, and for nothing else. Node by itself cuts an answer whose last bytes
 * still wait for the client (`closeIdleConnections` counts it as idle), and waits for a connection over which no request
 * has come yet, such as clients keep in store, until the client gives it up.
 */
export function closeInOrder(app: FastifyInstance): void {
  /** By their other end: of a TLS connection the server first tells the socket under it. */
  const unasked = new Map<string, Socket>();
  const underWay = new Set<ServerResponse>();
  let isClosing = false;
  let onAnswered = (): void => {};

  app.server.on("connection", (socket: Socket) => {
    const client = nameOf(socket);
    if (isClosing || client === undefined) {
      socket.destroy();
      return;
    }
    unasked.set(client, socket);
    socket.once("close", () => {
      if (unasked.get(client) === socket) unasked.delete(client);
    });
  });
  app.server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const client = nameOf(socket);
    if (client !== undefined) unasked.delete(client);
    underWay.add(response);
    response.once("close", () => {
      underWay.delete(response);
      if (underWay.size === 0) onAnswered();
    });
  });
  app.addHook("preClose", async () => {
    isClosing = true;
    for (const socket of unasked.values()) socket.destroy();
    if (underWay.size === 0) return;
    const answered = new Promise<void>((resolve) => {
      onAnswered = resolve;
    });
    const cut = setTimeout(() => app.server.closeAllConnections(), ANSWERED_WITHIN_MS);
    await answered;
    clearTimeout(cut);
  });
}

/** Undefined for one whose client has gone. */
function nameOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
