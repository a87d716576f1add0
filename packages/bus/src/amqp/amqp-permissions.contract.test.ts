import { type RabbitMq, startRabbitMq } from "@drover/testkit";
import type { Channel } from "amqplib";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import type { BrokerRole } from "../broker-role.ts";
import { brokerTestBed, connected } from "../broker-test-bed.test.support.ts";
import { type Bus, handle } from "../bus.ts";
import { rejection } from "../bus-contract.ts";
import { defineCall } from "../contract.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";
import { rabbitMqPermissions } from "./rabbitmq-permissions.ts";

const { amqpBus, bareAmqp } = brokerTestBed(onTestFinished);

// Real users with the rights that `rabbitMqPermissions` gives them, and what a taken-over host can do with its own.

const common = { version: "1.0", deadlineMs: 10_000, idempotent: true, response: z.object({}) } as const;
const aboutHost = z.object({ host: z.string() });
const nothing = z.object({});
const look = defineCall({ ...common, topic: "compute", method: "look", access: "read", request: nothing });
const abort = defineCall({ ...common, topic: "compute-control", method: "abort", access: "command", request: nothing });
const ask = defineCall({ ...common, topic: "conductor", method: "ask", access: "request", request: nothing });
const report = defineCall({
  ...common,
  topic: "conductor",
  method: "report",
  access: "report",
  request: aboutHost,
  reporter: ({ host }) => host,
});

let broker: RabbitMq;
const urls = new Map<string, string>();

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

async function urlOf(role: BrokerRole): Promise<string> {
  const permissions = rabbitMqPermissions(role);
  const url = urls.get(permissions.user) ?? (await broker.addUser({ ...permissions, password: "secret" }));
  urls.set(permissions.user, url);
  return url;
}

async function busOf(role: BrokerRole, trustedUsers: readonly string[] = []): Promise<Bus> {
  return connected(amqpBus({ urls: [await urlOf(role)], name: role.role, trustedUsers }));
}

const agentTrust = ["drover-conductor"];
const done = async () => ({});

async function serveHost(bus: Bus, host: string): Promise<void> {
  await bus.serve({ topic: "compute", server: host, handlers: [handle(look, done)] });
  await bus.serve({ topic: "compute-control", server: host, handlers: [handle(abort, done)] });
}

async function serveConductor(bus: Bus): Promise<void> {
  await bus.serve({ topic: "conductor", server: "one", handlers: [handle(ask, done), handle(report, done)] });
}

/** The broker's reply code for what is done on a channel of that user. */
async function refusal(url: string, attempt: (channel: Channel) => Promise<unknown> | undefined): Promise<unknown> {
  const model = await bareAmqp(url);
  const channel = await model.createChannel();
  const refused = new Promise((resolve) => channel.on("error", (error: { code?: unknown }) => resolve(error.code)));
  attempt(channel)?.catch(() => {});
  return await refused.finally(() => model.close());
}

test("with the least of rights the control plane commands, agents serve and report, and others ask", async () => {
  const conductor = await busOf({ role: "control-plane", name: "conductor" });
  await serveConductor(conductor);
  const hosta = await busOf({ role: "agent", host: "hosta" }, agentTrust);
  await serveHost(hosta, "hosta");
  expect(await conductor.call(abort, {}, { server: "hosta" })).toEqual({});
  expect(await hosta.call(report, { host: "hosta" })).toEqual({});
  const client = await busOf({ role: "client", name: "billing" });
  expect(await client.call(ask, {})).toEqual({});
  expect(await client.call(look, {}, { server: "hosta" })).toEqual({});
  expect(await client.call(look, {})).toEqual({});
  expect((await rejection(client.call(abort, {}, { server: "hosta" }))).code).toBe("forbidden");
  await conductor.cast({ ...look, kind: "cast" }, {}, { fanout: true });
  expect(await conductor.listParked()).toEqual([]);
}, 60_000);

test("a taken-over host commands nobody, reports for nobody else and reads nobody's queue", async () => {
  const conductor = await busOf({ role: "control-plane", name: "conductor" });
  await serveConductor(conductor);
  const hostb = await busOf({ role: "agent", host: "hostb" }, agentTrust);
  await serveHost(hostb, "hostb");
  const rogue = await busOf({ role: "agent", host: "hosta" });
  expect((await rejection(rogue.call(abort, {}, { server: "hostb" }))).code).toBe("forbidden");
  expect((await rejection(rogue.call(ask, {}))).code).toBe("forbidden");
  expect((await rejection(rogue.call(report, { host: "hostb" }))).code).toBe("forbidden");
  const stolen = await rejection(rogue.serve({ topic: "compute", server: "hostb", handlers: [] }));
  expect(stolen.code).toBe("refused");
  expect(String(stolen.cause)).toContain("403");
  expect(rogue.status()).toBe("connected");

  const url = await urlOf({ role: "agent", host: "hosta" });
  const body = Buffer.from("{}");
  const attempts: ReadonlyArray<(channel: Channel) => Promise<unknown> | undefined> = [
    (channel) => channel.consume("compute.hostb", () => {}),
    (channel) => channel.consume("conductor", () => {}),
    (channel) => channel.get("drover.parked"),
    (channel) => channel.deleteQueue("compute"),
    (channel) => channel.assertQueue("compute.hostb", { durable: true }),
    (channel) => channel.deleteExchange("drover"),
    // Its own queue, but somebody else's messages.
    async (channel) => {
      await channel.assertQueue("compute.hosta", { durable: true });
      await channel.bindQueue("compute.hosta", "drover", "conductor");
    },
    (channel) => void channel.publish("drover", "conductor", body),
    (channel) => void channel.publish("compute_fanout", "", body),
  ];
  for (const attempt of attempts) expect(await refusal(url, attempt)).toBe(403);
  const forged = await refusal(
    url,
    (channel) => void channel.publish("", "compute-control.hostb", body, { userId: "drover-conductor" }),
  );
  expect(forged).toBe(406);
}, 60_000);

test("what a taken-over host lets the broker pass on is nobody's word, whose it may have been", async () => {
  const conductor = await busOf({ role: "control-plane", name: "conductor" });
  const agent = await busOf({ role: "agent", host: "hostb" }, agentTrust);
  const obeyed = vi.fn(done);
  await agent.serve({ topic: "compute-control", server: "hostb", handlers: [handle(abort, obeyed)] });
  const model = await bareAmqp(await urlOf({ role: "agent", host: "hostx" }));
  const channel = await model.createChannel();
  const own = "compute-control.hostx";
  await channel.assertQueue(own, {
    ...{ durable: true, deadLetterExchange: "", deadLetterRoutingKey: "compute-control.hostb" },
  });
  const { promise: passedOn, resolve } = Promise.withResolvers<void>();
  await channel.consume(own, (message) => {
    if (message !== null) channel.reject(message, false);
    resolve();
  });
  const called = rejection(conductor.call(abort, {}, { server: "hostx" }));
  await passedOn;
  expect((await called).code).toBe("forbidden");
  expect(obeyed).not.toHaveBeenCalled();
}, 60_000);

test("who says nothing of itself is another service on the exchange, and nobody elsewhere", async () => {
  const conductor = await busOf({ role: "control-plane", name: "conductor" });
  await serveConductor(conductor);
  const model = await bareAmqp(await urlOf({ role: "client", name: "inventory" }));
  const channel = await model.createChannel();
  const { queue } = await channel.assertQueue(`reply_${"0".repeat(32)}`, { durable: false });
  const replies: string[] = [];
  await channel.consume(queue, (message) => replies.push(message?.content.toString() ?? ""), { noAck: true });
  const envelope = (id: string) =>
    Buffer.from(
      JSON.stringify({ method: "ask", args: {}, version: "1.0", _msg_id: id, _reply_q: queue, _unique_id: id }),
    );
  channel.publish("drover", "conductor", envelope("through-exchange"));
  channel.publish("", "conductor", envelope("past-exchange"));
  await vi.waitFor(() => expect(replies).toHaveLength(2));
  expect(replies.find((text) => text.includes("through-exchange"))).not.toContain("forbidden");
  expect(replies.find((text) => text.includes("past-exchange"))).toContain("forbidden");
}, 60_000);

test("an agent that comes before the control plane waits for it, and says for what", async () => {
  const logger = recordingLogger();
  const url = await urlOf({ role: "agent", host: "hostc" });
  const channel = await (await bareAmqp(broker.url)).createChannel();
  await channel.deleteQueue("compute");
  await channel.deleteExchange("drover");
  const early = amqpBus({ urls: [url], name: "early", logger, trustedUsers: agentTrust });
  await early.serve({ topic: "compute", server: "hostc", handlers: [handle(look, done)] });
  await vi.waitFor(() => {
    const reasons = logger.lines.map(({ fields }) => String(fields.reason));
    expect(reasons.some((reason) => reason.includes("start the conductor"))).toBe(true);
  });
  const conductor = await busOf({ role: "control-plane", name: "conductor" });
  await vi.waitFor(() => expect(early.status()).toBe("connected"));
  expect(await conductor.call(look, {}, { server: "hostc" })).toEqual({});
}, 60_000);
