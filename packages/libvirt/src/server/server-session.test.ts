import { once } from "node:events";
import net from "node:net";
import { expect, test } from "vitest";
import { procedures } from "../procedures/procedure-table.ts";
import { remoteError } from "../procedures/shared-structures.ts";
import { fakeLibvirtd } from "../testing/fake-libvirtd.ts";
import { parseLibvirtUri } from "../transport/libvirt-uri.ts";
import { FrameSplitter } from "../wire/frame-splitter.ts";
import {
  decodeBody,
  encodeFrame,
  type Frame,
  KEEPALIVE_PING,
  keepaliveFrame,
  REMOTE_PROGRAM,
} from "../wire/message.ts";

/** A client that says what it is told, byte by byte, and shows the frames that come back. */
async function rawClient(uri: string) {
  const address = parseLibvirtUri(uri);
  if (address.transport !== "unix") throw new Error("the fake listens on a unix socket");
  const socket = net.connect(address.socketPath);
  await once(socket, "connect");
  const splitter = new FrameSplitter();
  const frames: Frame[] = [];
  const waiting: (() => void)[] = [];
  socket.on("data", (chunk: Buffer) => {
    splitter.push(chunk);
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame);
    for (const wake of waiting.splice(0)) wake();
  });
  const frame = async (): Promise<Frame> => {
    for (;;) {
      const next = frames.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => void waiting.push(resolve));
    }
  };
  return { socket, frame, [Symbol.dispose]: () => void socket.destroy() };
}

const call = (procedure: number, serial: number, program = REMOTE_PROGRAM) =>
  encodeFrame({ program, version: 1, procedure, type: 0, serial, status: 0 });

const HOSTNAME = procedures.connectGetHostname.number;

test("with five calls under way nothing more is read, not even a ping, until one is answered", async () => {
  const started: (() => void)[] = [];
  await using server = await fakeLibvirtd({
    connectGetHostname: () =>
      new Promise((resolve) => {
        started.push(() => resolve({ hostname: "host-1" }));
      }),
  });
  using client = await rawClient(server.uri);
  const calls = [1, 2, 3, 4, 5].map((serial) => call(HOSTNAME, serial));
  client.socket.write(Buffer.concat([keepaliveFrame(KEEPALIVE_PING), ...calls, keepaliveFrame(KEEPALIVE_PING)]));
  expect((await client.frame()).header).toMatchObject({ program: 0x6b65_6570, procedure: 2 });
  expect(started.length).toBe(5);
  expect(server.sessions[0]?.requests).toBe(5);
  started[2]?.();
  expect((await client.frame()).header).toMatchObject({ serial: 3, type: 1, status: 0 });
  expect((await client.frame()).header).toMatchObject({ program: 0x6b65_6570, procedure: 2 });
});

test.each([
  ["an unknown procedure", call(9999, 1), "unknown procedure: 9999"],
  ["another program", call(1, 1, 0x2000_8087), "Cannot find program 536903815 version 1"],
  ["arguments that do not decode", call(procedures.domainLookupByName.number, 1), "Unable to decode message payload"],
])("%s is refused with VIR_ERR_RPC, as libvirtd does", async (_what, bytes, text) => {
  await using server = await fakeLibvirtd({ domainLookupByName: () => Promise.reject(new Error("not reached")) });
  using client = await rawClient(server.uri);
  client.socket.write(bytes);
  const frame = await client.frame();
  expect(frame.header).toMatchObject({ serial: 1, type: 1, status: 1 });
  expect(decodeBody(frame, remoteError, "the refusal")).toMatchObject({ code: 39, domain: 7, message: text });
});

test("a handler that breaks is an internal error of libvirt's, and the session goes on", async () => {
  await using server = await fakeLibvirtd({
    connectGetHostname: () => {
      throw new TypeError("no such host");
    },
  });
  using client = await rawClient(server.uri);
  client.socket.write(Buffer.concat([call(HOSTNAME, 1), call(HOSTNAME, 2)]));
  for (const serial of [1, 2]) {
    const frame = await client.frame();
    expect(frame.header).toMatchObject({ serial, status: 1 });
    expect(decodeBody(frame, remoteError, "the refusal")).toMatchObject({ code: 1 });
  }
});

test("a frame too long ends the session", async () => {
  await using server = await fakeLibvirtd({}, { frameLimitBytes: 64 });
  using client = await rawClient(server.uri);
  client.socket.write(Buffer.from("00000041", "hex"));
  await once(client.socket, "close");
  expect(await server.sessions[0]?.closed).toMatchObject({ code: "protocol", details: { position: 0, limit: 64 } });
});

test("a delayed reply lets others overtake it", async () => {
  await using server = await fakeLibvirtd(
    { connectGetHostname: () => ({ hostname: "host-1" }) },
    { onReply: ({ serial }) => (serial === 1 ? { kind: "delay", delayMs: 30 } : { kind: "send" }) },
  );
  using client = await rawClient(server.uri);
  client.socket.write(Buffer.concat([call(HOSTNAME, 1), call(HOSTNAME, 2)]));
  expect((await client.frame()).header.serial).toBe(2);
  expect((await client.frame()).header.serial).toBe(1);
});
