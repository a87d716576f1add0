import { type RabbitMq, startRabbitMq } from "@drover/testkit";
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from "amqplib";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { type Bus, handle } from "../bus.ts";
import { defineCall, defineCast } from "../contract.ts";
import { openAmqpBus } from "./amqp-bus.ts";

// What others see of us on the broker, against what oslo.messaging 14.0.3 was recorded to declare and send.

const common = { topic: "compute", version: "6.0", access: "read" } as const;
const add = defineCall({
  ...common,
  method: "add",
  deadlineMs: 60_000,
  idempotent: true,
  request: z.object({ a: z.number(), b: z.number() }),
  response: z.number(),
});
const note = defineCast({ ...common, method: "note", request: z.object({ msg: z.string() }) });

let broker: RabbitMq;
let bus: Bus;
let model: ChannelModel;
let bare: Channel;
const heard: string[] = [];

beforeAll(async () => {
  broker = await startRabbitMq();
  bus = openAmqpBus({ urls: [broker.url], name: "drover-test", controlExchange: "nova" });
  await vi.waitFor(() => expect(bus.status()).toBe("connected"));
  const handlers = [handle(add, async ({ a, b }) => a + b), handle(note, async ({ msg }) => void heard.push(msg))];
  await bus.serve({ topic: "compute", server: "hosta", handlers });
  model = await connect(broker.url);
  bare = await model.createChannel();
});

afterAll(async () => {
  await model?.close();
  await bus?.close();
  await broker?.remove();
});

/** Rows of `rabbitmqctl list_…`, ids of 32 hex digits shown as `<id>`. */
async function list(what: string, ...columns: string[]): Promise<string[]> {
  const text = await broker.rabbitmqctl(what, "--silent", "--no-table-headers", ...columns);
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.replace(/\b[0-9a-f]{32}\b|(?<=_)[0-9a-f]{32}/g, "<id>").replaceAll("\t", " "))
    .sort();
}

/** The next message of a queue of our own. */
async function nextMessage(queue: string): Promise<ConsumeMessage> {
  const { promise, resolve } = Promise.withResolvers<ConsumeMessage>();
  const { consumerTag } = await bare.consume(queue, (message) => message !== null && resolve(message), { noAck: true });
  return promise.finally(() => bare.cancel(consumerTag));
}

/** A request as a stock client publishes it. */
function oslo(message: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ "oslo.version": "2.0", "oslo.message": JSON.stringify(message) }));
}

test("exchanges and bindings have oslo's names and flags, host and topic queues are durable", async () => {
  expect(await list("list_queues", "name", "durable", "auto_delete", "exclusive", "arguments")).toEqual([
    "compute true false false []",
    "compute-control true false false []",
    "compute.hosta true false false []",
    'compute_fanout_hosta_<id> false false false [{"x-expires",1800000}]',
    'drover.parked true false false [{"x-max-length",10000},{"x-overflow","drop-head"},{"x-max-length-bytes",268435456}]',
    'reply_drover_<id> false false false [{"x-expires",1800000}]',
  ]);
  const exchanges = await list("list_exchanges", "name", "type", "durable", "auto_delete");
  expect(exchanges).toEqual(expect.arrayContaining(["nova topic false false", "compute_fanout fanout false true"]));
  const bindings = await list("list_bindings", "source_name", "destination_name", "routing_key");
  // Every queue is bound to the default exchange too, whose name is empty.
  expect(bindings.filter((line) => !line.startsWith(" "))).toEqual([
    "compute_fanout compute_fanout_hosta_<id> compute",
    "nova compute compute",
    "nova compute-control compute-control",
    "nova compute.hosta compute.hosta",
  ]);
});

test("a stock client's call, cast and fanout through the exchanges are served", async () => {
  const { queue } = await bare.assertQueue("", { exclusive: true });
  const request = { version: "6.0", access: "read", _context_user_id: "admin", _context_request_id: "req-1" };
  const call = {
    method: "add",
    args: { a: 1, b: 2 },
    _msg_id: "m1",
    _reply_q: queue,
    _timeout: null,
    _unique_id: "u1",
  };
  bare.publish("nova", "compute.hosta", oslo({ ...request, ...call }), { expiration: "60000" });
  const reply = await nextMessage(queue);
  expect(reply.properties).toMatchObject({
    contentType: "application/json",
    contentEncoding: "utf-8",
    priority: 0,
    // A restart of the broker ends every call: nothing of one is worth the broker's disk. Oslo's are 2.
    deliveryMode: 1,
  });
  expect(reply.properties.expiration).toBeUndefined();
  const outer = JSON.parse(reply.content.toString());
  expect(outer["oslo.version"]).toBe("2.0");
  const inner = JSON.parse(outer["oslo.message"]);
  expect(Object.keys(inner)).toEqual(["result", "failure", "ending", "_msg_id", "_unique_id"]);
  expect(inner).toMatchObject({ result: 3, failure: null, ending: true, _msg_id: "m1" });

  bare.publish("nova", "compute", oslo({ ...request, method: "note", args: { msg: "cast" }, _unique_id: "u2" }));
  bare.publish("compute_fanout", "", oslo({ ...request, method: "note", args: { msg: "fanout" }, _unique_id: "u3" }));
  await vi.waitFor(() => expect(heard.toSorted()).toEqual(["cast", "fanout"]));
});

test("a message that comes twice has one effect", async () => {
  heard.length = 0;
  const message = (msg: string, id: string) =>
    oslo({ version: "6.0", access: "read", method: "note", args: { msg }, _unique_id: id });
  bare.publish("nova", "compute", message("twice", "u4"));
  bare.publish("nova", "compute", message("twice", "u4"));
  bare.publish("nova", "compute", message("once", "u5"));
  await vi.waitFor(() => expect(heard).toContain("once"));
  expect(heard).toEqual(["twice", "once"]);
});

test("our call carries its deadline as the expiration, and oslo's keys in oslo's order beside two of ours", async () => {
  await bare.assertQueue("compute.stock", { durable: false });
  const received = nextMessage("compute.stock");
  // The consumer must be there before the call asks for one.
  await vi.waitFor(async () => expect((await bare.checkQueue("compute.stock")).consumerCount).toBe(1));
  const call = bus.call(add, { a: 1, b: 2 }, { server: "stock", deadlineMs: 50_000, context: { requestId: "req-1" } });
  const { properties, content, fields } = await received;
  expect(fields).toMatchObject({ exchange: "", routingKey: "compute.stock" });
  expect(properties).toMatchObject({ contentType: "application/json", contentEncoding: "utf-8", deliveryMode: 1 });
  expect(Number(properties.expiration)).toBeGreaterThan(20_000);
  expect(Number(properties.expiration)).toBeLessThanOrEqual(50_000);
  const inner = JSON.parse(JSON.parse(content.toString())["oslo.message"]);
  expect(Object.keys(inner)).toEqual([
    "method",
    "args",
    "version",
    "_msg_id",
    "_reply_q",
    "_timeout",
    "_unique_id",
    "_sent_at_ms",
    "_ttl_ms",
    "_context_request_id",
  ]);
  // A stock server sends a heartbeat first, when it is asked to; then its answer.
  const reply = { result: 3, failure: null, _msg_id: inner._msg_id };
  bare.sendToQueue(inner._reply_q, oslo({ ...reply, result: null, ending: false, _unique_id: "r1" }));
  bare.sendToQueue(inner._reply_q, oslo({ ...reply, ending: true, _unique_id: "r2" }));
  expect(await call).toBe(3);
});
