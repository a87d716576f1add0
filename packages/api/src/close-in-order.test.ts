import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { closeInOrder } from "./close-in-order.ts";

/** More than the sockets' own buffers take. */
const BIG = "x".repeat(30 * 1024 * 1024);

let app: FastifyInstance;
let port: number;
let clients: Socket[];

beforeEach(async () => {
  clients = [];
  app = fastify({ forceCloseConnections: "idle" });
  closeInOrder(app);
  app.get("/small", async () => "small");
  app.get("/big", async () => BIG);
  port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await app.close();
});

async function open(): Promise<{ readonly socket: Socket; readonly heard: () => string }> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  clients.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const heard: string[] = [];
  socket.on("data", (text: string) => heard.push(text));
  return { socket, heard: () => heard.join("") };
}

const ask = ({ socket }: { readonly socket: Socket }, path: string) =>
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);

it("waits for no client that has only connected, and for none that is quiet", async () => {
  const [silent, quiet] = [await open(), await open()];
  ask(quiet, "/small");
  await vi.waitFor(() => expect(quiet.heard()).toContain("small"));
  await app.close();
  await vi.waitFor(() => expect([silent.socket.closed, quiet.socket.closed]).toEqual([true, true]));
});

it("lets an answer leave whole that its client is slow to take", async () => {
  const client = await open();
  const served = once(app.server, "request");
  client.socket.pause();
  ask(client, "/big");
  await served;
  const closed = app.close();
  // Whoever comes now is sent away.
  const late = await open().catch(() => undefined);
  if (late !== undefined) await vi.waitFor(() => expect(late.socket.closed).toBe(true));
  client.socket.resume();
  await closed;
  await vi.waitFor(() => expect(client.socket.closed).toBe(true));
  const [head = "", body] = client.heard().split("\r\n\r\n");
  expect(head).toContain(" 200 OK");
  expect(body).toHaveLength(BIG.length);
});
