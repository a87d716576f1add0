import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";

/** Where Node tells of every socket that connects to somewhere, to whoever listens. */
const NEW_SOCKETS = "net.client.socket";

const dialing = new AsyncLocalStorage<Socket[]>();

/**
 * Connects, and destroys the sockets that `connect` opened and left open: all where it fails, all but the last where it
 * succeeds. The client library gives up a server that accepts and says nothing without closing its socket, and shows it to
 * nobody; an agent that retries for hours would run out of descriptors.
 */
export async function withoutAbandonedSockets<Connection>(connect: () => Promise<Connection>): Promise<Connection> {
  const sockets: Socket[] = [];
  const note = (message: unknown) => {
    if (dialing.getStore() !== sockets) return;
    if (typeof message !== "object" || message === null || !("socket" in message)) return;
    if (message.socket instanceof Socket) sockets.push(message.socket);
  };
  let inUse: Socket | undefined;
  subscribe(NEW_SOCKETS, note);
  try {
    const connection = await dialing.run(sockets, connect);
    inUse = sockets.at(-1);
    return connection;
  } finally {
    unsubscribe(NEW_SOCKETS, note);
    for (const socket of sockets) if (socket !== inUse) socket.destroy();
    sockets.length = 0;
  }
}
