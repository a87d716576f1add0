import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP relay to a broker that a test can cut. */
export interface SeverableProxy {
  readonly port: number;
  /** Resets every connection; new ones pass. */
  sever(): void;
  /** Resets every connection and every new one, until the end. */
  severForEver(): void;
  close(): Promise<void>;
}

export async function startSeverableProxy(target: { address: string; port: number }): Promise<SeverableProxy> {
  const sockets = new Set<Socket>();
  let refusing = false;
  const server = createServer((inbound) => {
    if (refusing) return inbound.resetAndDestroy();
    const outbound = connect(target.port, target.address);
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    return undefined;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const sever = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    sever,
    severForEver: () => {
      refusing = true;
      sever();
    },
    close: async () => {
      server.close();
      sever();
      await once(server, "close");
    },
  };
}
