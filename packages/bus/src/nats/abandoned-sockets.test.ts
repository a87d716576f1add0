import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectNats } from "@nats-io/transport-node";
import { expect, onTestFinished, test, vi } from "vitest";
import { withoutAbandonedSockets } from "./abandoned-sockets.ts";

/** Accepts and says nothing. */
async function muteServer(): Promise<{ readonly port: number; readonly accepted: readonly Socket[] }> {
  const accepted: Socket[] = [];
  const server: Server = createServer((socket) => {
    accepted.push(socket.on("error", () => {}).resume());
  });
  onTestFinished(async () => {
    for (const socket of accepted) socket.destroy();
    server.close();
    await once(server, "close");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return { port, accepted };
}

const opened = async (port: number): Promise<Socket> => {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
};

test("a server that accepts and says nothing keeps no socket of ours", async () => {
  const { port, accepted } = await muteServer();
  const dial = () => connectNats({ servers: [`127.0.0.1:${port}`], timeout: 100, reconnect: false });
  await expect(withoutAbandonedSockets(dial)).rejects.toThrow(/timeout/i);
  await vi.waitFor(() => expect(accepted.map(({ closed }) => closed)).toEqual([true]));
});

test("the socket in use stays, and so do those that others open meanwhile", async () => {
  const { port } = await muteServer();
  const both = Promise.withResolvers<void>();
  const ours = withoutAbandonedSockets(async () => {
    const sockets = [await opened(port), await opened(port)];
    await both.promise;
    return sockets;
  });
  const others = await opened(port);
  both.resolve();
  const sockets = await ours;
  expect([...sockets, others].map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
  for (const socket of [...sockets, others]) socket.destroy();
});
