import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { waitFor } from "../wait-for.ts";
import { type SeverableProxy, startSeverableProxy } from "./severable-proxy.ts";

/** What one connection brought to the server. */
interface Arrival {
  readonly socket: Socket;
  received: Buffer;
  ended: boolean;
}

let server: Server;
let proxy: SeverableProxy;
let arrivals: Arrival[];
let clients: Client[];

beforeEach(async () => {
  arrivals = [];
  clients = [];
  server = createServer((socket) => {
    const arrival: Arrival = { socket, received: Buffer.alloc(0), ended: false };
    arrivals.push(arrival);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      arrival.received = Buffer.concat([arrival.received, bytes]);
      socket.write(bytes);
    });
    socket.on("end", () => {
      arrival.ended = true;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { address, port } = server.address() as AddressInfo;
  proxy = await startSeverableProxy({ address, port });
});

afterEach(async () => {
  await proxy.close();
  for (const { socket } of clients) socket.destroy();
  server.close();
  await once(server, "close");
});

interface Client {
  readonly socket: Socket;
  echoed: Buffer;
  error: string | undefined;
}

function openClient(): Client {
  const client: Client = { socket: connect(proxy.port, "127.0.0.1"), echoed: Buffer.alloc(0), error: undefined };
  clients.push(client);
  client.socket.on("data", (bytes) => {
    client.echoed = Buffer.concat([client.echoed, bytes]);
  });
  client.socket.on("error", (error: NodeJS.ErrnoException) => {
    client.error = error.code;
  });
  return client;
}

async function connectClient(): Promise<Client> {
  const client = openClient();
  await once(client.socket, "connect");
  return client;
}

const echo = (client: Client, text: string) => {
  client.socket.write(text);
  return waitFor(`"${text}" to come back`, () => client.echoed.includes(text));
};

test("passes bytes both ways, more than fit a socket's buffers", async () => {
  const client = await connectClient();
  const big = Buffer.alloc(8 * 1024 * 1024, "big");
  client.socket.write(big);
  await waitFor("all of it", () => client.echoed.length === big.length);
  expect(client.echoed.equals(big)).toBe(true);
});

test("what a client said before it left arrives, and so does its leaving", async () => {
  const client = await connectClient();
  const big = Buffer.alloc(4 * 1024 * 1024, "big");
  client.socket.resume().end(big);
  await waitFor("the end at the server", () => arrivals[0]?.ended);
  expect(arrivals[0]?.received.equals(big)).toBe(true);
});

test("a server that hangs up takes the client's connection with it", async () => {
  const client = await connectClient();
  await echo(client, "hello");
  arrivals[0]?.socket.destroy();
  await waitFor("the end at the client", () => client.socket.closed);
});

test("a severed connection is reset, and the next passes", async () => {
  const client = await connectClient();
  await echo(client, "before");
  proxy.sever();
  await waitFor("the reset", () => client.error === "ECONNRESET");
  await echo(await connectClient(), "after");
});

test("severed for ever, new connections are reset too", async () => {
  proxy.severForEver();
  const client = openClient();
  await waitFor("the reset", () => client.error === "ECONNRESET");
  expect(arrivals).toEqual([]);
});

test.each([0, 1, 7, 3_000_000])("cuts after exactly %d bytes, which all arrive", async (bytes) => {
  const client = await connectClient();
  await echo(client, "before");
  proxy.cutAfter(bytes);
  const message = Buffer.alloc(4_000_000, "message");
  client.socket.write(message);
  await waitFor("the reset", () => client.error);
  const [arrival] = arrivals;
  await waitFor("the end at the server", () => arrival?.ended);
  expect(arrival?.received.subarray("before".length).equals(message.subarray(0, bytes))).toBe(true);
  expect(proxy.cutCount).toBe(1);
});

test("a cut leaves other connections and new ones alone", async () => {
  const [one, other] = [await connectClient(), await connectClient()];
  proxy.cutAfter(2);
  one.socket.write("one");
  await waitFor("the reset", () => one.error);
  await echo(other, "other");
  await echo(await connectClient(), "new");
  expect(proxy.cutCount).toBe(1);
});
