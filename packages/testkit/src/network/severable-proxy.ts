import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { TestkitError } from "../testkit-error.ts";

/** A TCP relay on loopback to a server, which a test can cut. */
export interface SeverableProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections were cut by `cutAfter`. */
  readonly cutCount: number;
  /** Resets every connection; new ones pass. */
  sever(): void;
  /** Resets every connection and every new one, until the end. */
  severForEver(): void;
  /**
   * Lets this many more bytes pass from clients to the server, all connections taken together, and resets the client's
   * connection on which the last of them came; 0 resets at the next byte. The server gets them all, and then the end of
   * its input. It happens once; other connections, and new ones, pass.
   */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

/**
 * Starts a relay to `target`.
 *
 * @throws {TestkitError} if it cannot listen.
 */
export async function startSeverableProxy(target: {
  readonly address: string;
  readonly port: number;
}): Promise<SeverableProxy> {
  const sockets = new Set<Socket>();
  /** Servers' sides of connections that were cut: they are closed by the server. */
  const finishing = new WeakSet<Socket>();
  let refusing = false;
  let bytesUntilCut = Number.POSITIVE_INFINITY;
  let cutCount = 0;

  const cut = (inbound: Socket, outbound: Socket, lastBytes: Buffer) => {
    bytesUntilCut = Number.POSITIVE_INFINITY;
    cutCount += 1;
    finishing.add(outbound);
    outbound.unpipe(inbound);
    inbound.removeAllListeners("data").pause();
    // A reset could overtake the last bytes and make the server throw them away. What it still says is read and dropped.
    outbound.resume();
    outbound.end(lastBytes);
    inbound.resetAndDestroy();
  };
  const relay = (inbound: Socket, outbound: Socket) => {
    outbound.pipe(inbound);
    outbound.on("drain", () => inbound.resume());
    inbound.on("data", (bytes: Buffer) => {
      if (bytes.length >= bytesUntilCut) {
        cut(inbound, outbound, bytes.subarray(0, bytesUntilCut));
        return;
      }
      bytesUntilCut -= bytes.length;
      if (!outbound.write(bytes)) inbound.pause();
    });
    inbound.on("end", () => outbound.end());
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        if (!finishing.has(other)) other.destroySoon();
      });
    }
  };

  // A client that has said all still hears the rest: closed at once, with that unread, a socket is reset, and the server may
  // lose what it has not read yet.
  const server = createServer({ allowHalfOpen: true }, (inbound) => {
    if (refusing) inbound.resetAndDestroy();
    else relay(inbound, connect(target.port, target.address));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TestkitError("the proxy has no port");
  const sever = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    sever();
    await closed;
  };
  return {
    port: address.port,
    get cutCount() {
      return cutCount;
    },
    sever,
    severForEver: () => {
      refusing = true;
      sever();
    },
    cutAfter: (bytes) => {
      bytesUntilCut = bytes;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
