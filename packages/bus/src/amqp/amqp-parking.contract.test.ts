import { type RabbitMq, startRabbitMq } from "@drover/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { brokerTestBed, connected, newTopic } from "../broker-test-bed.test.support.ts";
import { handle } from "../bus.ts";
import { rejection, type SampleContracts } from "../bus-contract.ts";
import { defineCast } from "../contract.ts";
import { agentUser } from "../sender.ts";

const { amqpBus, bareAmqp, severableWay } = brokerTestBed(onTestFinished);

// What RabbitMQ alone can get wrong about messages that fail: it does not count tries, and anybody may write to a queue.

let broker: RabbitMq;
let topic: string;
let contracts: SampleContracts;

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

beforeEach(() => {
  ({ topic, contracts } = newTopic());
});

afterEach(async () => {
  const channel = await (await bareAmqp(broker.url)).createChannel();
  await channel.deleteQueue("drover.parked");
});

const connectedBus = (name: string) => connected(amqpBus({ urls: [broker.url], name }));

async function messagesIn(queue: string): Promise<number> {
  const channel = await (await bareAmqp(broker.url)).createChannel();
  return (await channel.checkQueue(queue)).messageCount;
}

/** Delivers a cast to a server that ends while it runs it, and remembers nothing. */
async function dieOver(): Promise<void> {
  const { url, proxy } = await severableWay(broker);
  const dying = amqpBus({ urls: [url], name: "dying" });
  const begun = Promise.withResolvers<void>();
  const never = new Promise<void>(() => {});
  const handler = handle(contracts.note, async (_, { signal }) => {
    begun.resolve();
    await Promise.race([never, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
  });
  await dying.serve({ topic, server: "hosta", handlers: [handler] });
  await begun.promise;
  // An answer of the broker: it has read what was written before, the acknowledgement of the copied message too.
  await rejection(dying.call(contracts.wait, {}, { server: "nowhere" }));
  proxy.severForEver();
  await vi.waitFor(() => expect(dying.status()).toBe("connecting"));
  await dying.close();
}

test("a cast that five servers died over is parked by the sixth, which does not run it", async () => {
  const caller = await connectedBus("caller");
  const away = await caller.serve({ topic, server: "hosta", handlers: [] });
  await away.close();
  await caller.cast(contracts.note, { text: "deadly" }, { server: "hosta" });
  for (let died = 0; died < 5; died += 1) await dieOver();
  const heard: string[] = [];
  await caller.serve({
    topic,
    server: "hosta",
    handlers: [handle(contracts.note, async ({ text }) => void heard.push(text))],
  });
  await vi.waitFor(async () => expect(await caller.listParked()).toHaveLength(1));
  expect(heard).toEqual([]);
  const [parked] = await caller.listParked();
  expect(parked).toMatchObject({ queue: `${topic}.hosta`, tries: 5, reason: { code: "outcome-unknown" } });
  expect(await messagesIn(`${topic}.hosta`)).toBe(0);
  await caller.releaseParked(parked?.id ?? "", "send-again");
  await vi.waitFor(() => expect(heard).toEqual(["deadly"]));
  expect(await caller.listParked()).toEqual([]);
}, 60_000);

test("a parked message stays when its queue is gone, and when the broker is restarted", async () => {
  const caller = await connectedBus("caller");
  const bad = handle(contracts.note, async () => Promise.reject(new TypeError("cannot")));
  const server = await caller.serve({ topic, server: "hosta", handlers: [bad] });
  const channel = await (await bareAmqp(broker.url)).createConfirmChannel();
  for (const text of ["first", "second", "third"]) channel.sendToQueue(`${topic}.hosta`, Buffer.from(text));
  await channel.waitForConfirms();
  await vi.waitFor(async () => expect(await caller.listParked()).toHaveLength(3));
  await server.close();
  await channel.deleteQueue(`${topic}.hosta`);
  const [, second] = await caller.listParked();
  const id = second?.id ?? "";
  expect((await rejection(caller.releaseParked(id, "send-again"))).code).toBe("agent-unreachable");
  await broker.restart();
  await vi.waitFor(() => expect(caller.status()).toBe("connected"));
  const before = await caller.listParked();
  expect(before).toHaveLength(3);
  expect(before[1]).toMatchObject({ id, method: null, tries: 1, reason: { code: "protocol" } });
  await caller.releaseParked(id, "discard");
  expect((await caller.listParked()).map(({ id: left }) => left)).toEqual([before[0]?.id, before[2]?.id]);
}, 180_000);

test("a body too large to be parked as it is stops nobody: what is kept of it says so", async () => {
  const caller = await connectedBus("caller");
  await caller.serve({ topic, server: "hosta", handlers: [handle(contracts.wait, async () => ({}))] });
  const channel = await (await bareAmqp(broker.url)).createConfirmChannel();
  // In base64 it would be more than RabbitMQ's limit of 128 MiB for a message, and cost the parker its channel.
  channel.sendToQueue(`${topic}.hosta`, Buffer.alloc(100 * 1024 * 1024, "x"));
  await channel.waitForConfirms();
  await vi.waitFor(async () => expect(await caller.listParked()).toHaveLength(1));
  expect(await caller.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
  expect(await messagesIn(`${topic}.hosta`)).toBe(0);
  const [parked] = await caller.listParked();
  expect(parked).toMatchObject({ reason: { code: "protocol" }, tries: 1 });
  expect((await rejection(caller.releaseParked(parked?.id ?? "", "send-again"))).code).toBe("refused");
  await caller.releaseParked(parked?.id ?? "", "discard");
  expect(await caller.listParked()).toEqual([]);
}, 60_000);

test("a host cannot have a command of its own making sent to another by way of the parked messages", async () => {
  const command = defineCast({ ...contracts.note, access: "command" });
  const permissions = { password: "secret", configure: ".*", write: ".*", read: ".*" };
  const url = await broker.addUser({ user: agentUser("hosta"), ...permissions });
  const operator = await connectedBus("operator");
  const heard: string[] = [];
  const listen = (text: string) => void heard.push(text);
  const victim = await connectedBus("victim");
  await victim.serve({
    topic,
    server: "hostb",
    handlers: [handle(command, async ({ text }) => listen(text)), handle(contracts.add, async () => ({ sum: 0 }))],
  });
  const record = (queue: string) => ({
    id: `forged-${queue}`,
    queue,
    server: "hostb",
    method: "note",
    requestId: null,
    reason: { code: "internal", message: "please send again", details: {} },
    tries: 5,
    parkedAtMs: 0,
    body: Buffer.from(
      JSON.stringify({ method: "note", args: { text: "forged" }, version: "1.0", _unique_id: queue }),
    ).toString("base64"),
  });
  const channel = await (await bareAmqp(url)).createConfirmChannel();
  const forged = record(`${topic}.hostb`);
  channel.sendToQueue("drover.parked", Buffer.from(JSON.stringify(forged)), {
    userId: agentUser("hosta"),
    headers: { "x-drover-sender": operator.status() === "connected" ? broker.user : "" },
  });
  // Straight to the other host, claiming to be somebody else's copy.
  channel.sendToQueue(`${topic}.hostb`, Buffer.from(forged.body, "base64"), {
    userId: agentUser("hosta"),
    headers: { "x-drover-sender": broker.user },
  });
  await channel.waitForConfirms();
  await vi.waitFor(async () => expect(await operator.listParked()).toHaveLength(1));
  await operator.releaseParked(forged.id, "send-again");
  await operator.cast(command, { text: "real" }, { server: "hostb" });
  await vi.waitFor(() => expect(heard).toContain("real"));
  expect(heard).toEqual(["real"]);
}, 60_000);
