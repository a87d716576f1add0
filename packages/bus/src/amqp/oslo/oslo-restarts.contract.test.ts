import { type RabbitMq, startRabbitMq, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Bus, handle } from "../../bus.ts";
import { gate } from "../../bus-contract.ts";
import { defineCall, defineCast } from "../../contract.ts";
import { openAmqpBus } from "../amqp-bus.ts";
import { type StockClient, type StockRequest, startStockClient } from "./stock-programs.ts";

// A stock client while our server, or the broker, goes away and comes back.

const topic = "conductor";
const common = { topic, version: "1.0", deadlineMs: 60_000, idempotent: true, access: "read" } as const;
const add = defineCall({
  ...common,
  method: "add",
  request: z.object({ a: z.number(), b: z.number() }),
  response: z.number(),
});
const wait = defineCall({ ...common, method: "wait", request: z.object({}), response: z.string() });
const note = defineCast({
  topic,
  version: "1.0",
  access: "read",
  method: "note",
  request: z.object({ text: z.string() }),
});

let broker: RabbitMq;
let client: StockClient;
let bus: Bus;
let running: ReturnType<typeof gate>;
let finish: ReturnType<typeof gate>;
const heard: string[] = [];
const runs: string[] = [];

beforeAll(async () => {
  broker = await startRabbitMq();
  client = await startStockClient(broker.url, "drover");
  bus = await startServer();
});

afterAll(async () => {
  await client?.program.remove();
  await bus?.close();
  await broker?.remove();
});

beforeEach(() => {
  heard.length = 0;
  runs.length = 0;
  running = gate();
  finish = gate();
});

/** A process of ours that serves the topic. */
async function startServer(): Promise<Bus> {
  const server = openAmqpBus({ urls: [broker.url], name: "drover-test" });
  await waitFor("the bus to find its broker", () => server.status() === "connected");
  await server.serve({
    topic,
    server: "hosta",
    handlers: [
      handle(add, async ({ a, b }) => {
        runs.push(`${a} + ${b}`);
        return a + b;
      }),
      handle(wait, async () => {
        runs.push("wait");
        running.open();
        await finish.opened;
        return "waited";
      }),
      handle(note, async ({ text }) => void heard.push(text)),
    ],
  });
  return server;
}

function call(method: string, args: StockRequest["args"] = {}, prepare: StockRequest["prepare"] = {}) {
  return client.ask({ kind: "call", topic, method, args, prepare: { timeout: 20, ...prepare } });
}

function cast(text: string, prepare: StockRequest["prepare"] = {}) {
  return client.ask({ kind: "cast", topic, method: "note", args: { text }, prepare });
}

test("calls before and after our server's restart pass on the same reply queue", async () => {
  expect(await call("add", { a: 1, b: 2 })).toMatchObject({ returned: 3 });
  await bus.close();
  bus = await startServer();
  expect(await call("add", { a: 3, b: 4 })).toMatchObject({ returned: 7 });
  expect(await call("add", { a: 5, b: 6 }, { server: "hosta" })).toMatchObject({ returned: 11 });
});

test("a call and a cast sent while no server is there wait for the next one", async () => {
  await bus.close();
  await cast("while away");
  const calling = call("add", { a: 1, b: 1 }, { server: "hosta" });
  await waitFor("the call to wait in the queue", async () => (await broker.messagesIn(`${topic}.hosta`)) === 1);
  expect(runs).toEqual([]);
  bus = await startServer();
  expect(await calling).toMatchObject({ returned: 2 });
  await waitFor("the cast to be served", () => heard.length === 1);
});

test("a call under way while our server closes is answered by it", async () => {
  const calling = call("wait");
  await running.opened;
  const closing = bus.close();
  finish.open();
  expect(await calling).toMatchObject({ returned: "waited" });
  await closing;
  bus = await startServer();
});

test("a call under way while the broker is killed is answered when its caller is back too; all else passes again", async () => {
  const calling = call("wait", {}, { timeout: 120 });
  await running.opened;
  // We are back before the client, whose reply queue went with the broker.
  client.program.freeze();
  await broker.kill9();
  await broker.start();
  await waitFor("the bus to find its broker again", () => bus.status() === "connected");
  finish.open();
  // It follows the answer on the same channel, so the broker has had the answer.
  expect(await bus.call(add, { a: 1, b: 1 })).toBe(2);
  client.program.thaw();
  expect(await calling).toMatchObject({ returned: "waited" });
  // Again where the broker died before it had kept that the call was taken: who serves an idempotent call allows for it.
  expect(runs).toContain("wait");

  expect(await call("add", { a: 1, b: 2 })).toMatchObject({ returned: 3 });
  expect(await call("add", { a: 3, b: 4 }, { server: "hosta" })).toMatchObject({ returned: 7 });
  await cast("one", { server: "hosta" });
  await cast("all", { fanout: true });
  await waitFor("both notes", () => heard.length === 2);
  expect(heard.toSorted()).toEqual(["all", "one"]);
});
