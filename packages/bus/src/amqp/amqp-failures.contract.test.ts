import { freePort, type RabbitMq, type SeverableProxy, startRabbitMq, startSeverableProxy } from "@drover/testkit";
import { type ChannelModel, connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type Bus, handle } from "../bus.ts";
import { gate, rejection, sampleContracts } from "../bus-contract.ts";
import { openAmqpBus } from "./amqp-bus.ts";
import { recordingLogger } from "./recording-logger.ts";

let broker: RabbitMq;
let topics = 0;
let topic: string;
let contracts: ReturnType<typeof sampleContracts>;
const open: Array<() => Promise<unknown>> = [];

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

beforeEach(() => {
  topics += 1;
  topic = `failures-${topics}`;
  contracts = sampleContracts(topic);
});

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function openBus(name: string, url = broker.url): Bus {
  const bus = openAmqpBus({ urls: [url], name });
  open.push(() => bus.close());
  return bus;
}

async function connectedBus(name: string, url = broker.url): Promise<Bus> {
  const bus = openBus(name, url);
  await connected(bus);
  return bus;
}

async function connected(bus: Bus): Promise<void> {
  await vi.waitFor(() => expect(bus.status()).toBe("connected"), 30_000);
}

/** A bus whose connection can be cut, and what cuts it. */
async function severableBus(name: string): Promise<{ bus: Bus; proxy: SeverableProxy }> {
  const proxy = await startSeverableProxy(broker);
  open.push(() => proxy.close());
  const url = new URL(broker.url);
  url.port = String(proxy.port);
  return { bus: await connectedBus(name, url.href), proxy };
}

/** A bare AMQP client, for what no bus of ours would do. */
async function bareClient(): Promise<ChannelModel> {
  const model = await connect(broker.url);
  model.on("error", () => {});
  open.push(() => model.close().catch(() => {}));
  return model;
}

async function messagesIn(queue: string): Promise<number> {
  const model = await connect(broker.url);
  const channel = await model.createChannel();
  const { messageCount } = await channel.checkQueue(queue);
  await model.close();
  return messageCount;
}

/** Handlers for calls that stay under way until `finish` is opened. */
function slowHandlers(finish: { opened: Promise<void> }, runs: string[]) {
  return [contracts.wait, contracts.start].map((contract) =>
    handle(contract, async () => {
      runs.push(contract.method);
      await finish.opened;
      return {};
    }),
  );
}

test("a caller cut off in mid-call learns that the outcome is unknown, or that it may ask again", async () => {
  const { bus: caller, proxy } = await severableBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, runs) });
  const starting = rejection(caller.call(contracts.start, {}));
  const waiting = rejection(caller.call(contracts.wait, {}));
  await vi.waitFor(() => expect(runs).toHaveLength(2));
  proxy.sever();
  expect(await starting).toMatchObject({ code: "outcome-unknown" });
  expect(await waiting).toMatchObject({ code: "unavailable" });
  finish.open();
  await connected(caller);
  expect(await caller.call(contracts.start, {})).toEqual({});
  expect(runs.filter((method) => method === "start")).toHaveLength(2);
});

test("a server cut off in mid-call answers when it is back, having run the call once", async () => {
  const caller = await connectedBus("caller");
  const { bus: callee, proxy } = await severableBus("callee");
  const finish = gate();
  const runs: string[] = [];
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, runs) });
  const call = caller.call(contracts.start, {});
  await vi.waitFor(() => expect(runs).toEqual(["start"]));
  proxy.sever();
  await vi.waitFor(() => expect(callee.status()).toBe("connecting"));
  finish.open();
  expect(await call).toEqual({});
  await connected(callee);
  expect(await caller.call(contracts.start, {}, { server: "hosta" })).toEqual({});
  expect(runs).toEqual(["start", "start"]);
});

test("a cast under way when its server is cut off runs once, and leaves the queue", async () => {
  const caller = await connectedBus("caller");
  const { bus: callee, proxy } = await severableBus("callee");
  const finish = gate();
  const heard: string[] = [];
  const listen = handle(contracts.note, async ({ text }) => {
    heard.push(text);
    await finish.opened;
  });
  await callee.serve({ topic, server: "hosta", handlers: [listen] });
  await caller.cast(contracts.note, { text: "one" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["one"]));
  proxy.sever();
  await vi.waitFor(() => expect(callee.status()).toBe("connecting"));
  await connected(callee);
  finish.open();
  await caller.cast(contracts.note, { text: "two" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["one", "two"]));
  await callee.close();
  expect(await messagesIn(`${topic}.hosta`)).toBe(0);
});

test("a cast whose server dies before it is done reaches another", async () => {
  const caller = await connectedBus("caller");
  const { bus: dying, proxy } = await severableBus("dying");
  const finish = gate();
  const heard: string[] = [];
  const listen = (server: string, until: Promise<void>) =>
    handle(contracts.note, async ({ text }) => {
      heard.push(`${server}:${text}`);
      await until;
    });
  await dying.serve({ topic, server: "hosta", handlers: [listen("hosta", finish.opened)] });
  await caller.cast(contracts.note, { text: "one" });
  await vi.waitFor(() => expect(heard).toEqual(["hosta:one"]));
  const heir = await connectedBus("heir");
  await heir.serve({ topic, server: "hostb", handlers: [listen("hostb", Promise.resolve())] });
  proxy.severForEver();
  await vi.waitFor(() => expect(heard).toEqual(["hosta:one", "hostb:one"]), 10_000);
  finish.open();
});

test("a call that was given to a server that died is not run again, and its caller told", async () => {
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  const model = await bareClient();
  const channel = await model.createChannel();
  const caller = await connectedBus("caller");
  // A consumer that takes the call and goes without acknowledging it, as a process killed at the wrong moment.
  await channel.assertQueue(topic, { durable: true });
  await channel.consume(topic, () => void model.close());
  const call = rejection(caller.call(contracts.start, {}));
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, runs) });
  expect(await call).toMatchObject({ code: "outcome-unknown" });
  expect(runs).toEqual([]);
});

test("poison is dropped with a line in the log, and the server goes on", async () => {
  const logger = recordingLogger();
  const callee = openAmqpBus({ urls: [broker.url], name: "callee", logger });
  open.push(() => callee.close());
  await connected(callee);
  const heard: string[] = [];
  await callee.serve({
    topic,
    server: "hosta",
    handlers: [handle(contracts.note, async ({ text }) => void heard.push(text))],
  });
  const channel = await (await bareClient()).createChannel();
  const envelope = (message: unknown) =>
    Buffer.from(JSON.stringify({ "oslo.version": "2.0", "oslo.message": JSON.stringify(message) }));
  const cast = { method: "note", version: "1.0", _unique_id: "1" };
  channel.sendToQueue(topic, Buffer.from("hello"));
  channel.sendToQueue(topic, envelope({ ...cast, args: { text: 7 } }));
  channel.sendToQueue(topic, envelope({ ...cast, _unique_id: "2", method: "nosuch", args: {} }));
  channel.sendToQueue(topic, envelope({ ...cast, _unique_id: "3", args: { text: "good" } }));
  await vi.waitFor(() => expect(heard).toEqual(["good"]));
  expect(logger.lines.filter(({ level }) => level === "warn")).toMatchObject([
    { sentence: "a message is no request" },
    { sentence: "a cast failed", fields: { method: "note", code: "bad-request" } },
    { sentence: "a cast failed", fields: { method: "nosuch", code: "bad-request" } },
  ]);
  await callee.close();
  expect(await messagesIn(topic)).toBe(0);
});

test("a queue deleted under its server is declared and consumed again", async () => {
  const caller = await connectedBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  finish.open();
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, []) });
  const channel = await (await bareClient()).createChannel();
  await channel.deleteQueue(`${topic}.hosta`);
  await vi.waitFor(async () => {
    expect(await caller.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
  }, 10_000);
});

test("a queue that the broker refuses fails the serving, and the bus goes on", async () => {
  const callee = await connectedBus("callee");
  const channel = await (await bareClient()).createChannel();
  await channel.assertQueue(`${topic}.hosta`, { durable: false });
  const error = await rejection(callee.serve({ topic, server: "hosta", handlers: [] }));
  expect(error).toMatchObject({ code: "refused" });
  await connected(callee);
  await callee.serve({ topic, server: "hostb", handlers: [] });
  expect((await rejection(callee.call(contracts.wait, {}, { server: "hostb" }))).code).toBe("bad-request");
});

test("a call to a broker that hangs ends with its deadline", async () => {
  const caller = await connectedBus("caller");
  broker.freeze();
  try {
    const error = await rejection(caller.call(contracts.wait, {}, { deadlineMs: 300 }));
    expect(error.code).toBe("deadline-exceeded");
  } finally {
    broker.thaw();
  }
});

test("while the broker's memory alarm holds, a cast waits, and is taken afterwards", async () => {
  const logger = recordingLogger();
  const caller = openAmqpBus({ urls: [broker.url], name: "caller", logger });
  open.push(() => caller.close());
  await connected(caller);
  const callee = await connectedBus("callee");
  const heard: string[] = [];
  const listen = handle(contracts.note, async ({ text }) => void heard.push(text));
  await callee.serve({ topic, server: "hosta", handlers: [listen] });
  await broker.rabbitmqctl("set_vm_memory_high_watermark", "0");
  try {
    // The alarm is told to a connection when it publishes.
    const blocked = caller.cast(contracts.note, { text: "one" });
    await vi.waitFor(() => {
      expect(logger.lines.map(({ sentence }) => sentence)).toContain("the broker takes no messages; sending waits");
    }, 10_000);
    expect(heard).toEqual([]);
    await broker.rabbitmqctl("set_vm_memory_high_watermark", "0.4");
    await blocked;
    await vi.waitFor(() => expect(heard).toEqual(["one"]));
  } finally {
    await broker.rabbitmqctl("set_vm_memory_high_watermark", "0.4");
  }
}, 60_000);

test("no log line has the broker's password, whatever goes wrong", async () => {
  const logger = recordingLogger();
  const wrong = new URL(broker.url);
  wrong.password = "wrong-secret";
  const nowhere = `amqp://drover:wrong-secret@127.0.0.1:${await freePort()}`;
  const bus = openAmqpBus({ urls: [wrong.href, nowhere], name: "caller", logger });
  open.push(() => bus.close());
  await vi.waitFor(() => expect(logger.lines.length).toBeGreaterThan(2), 20_000);
  expect(bus.status()).toBe("connecting");
  const error = await rejection(bus.call(contracts.wait, {}, { deadlineMs: 100 }));
  expect(error.code).toBe("unavailable");
  expect(JSON.stringify([logger.lines, error.message, String(error.cause)])).not.toContain("wrong-secret");
});

test("a broker killed and restarted under way is found again, with what it had promised to keep", async () => {
  const caller = await connectedBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  const heard: string[] = [];
  const listen = handle(contracts.note, async ({ text }) => void heard.push(text));
  const away = await callee.serve({ topic, server: "hosta", handlers: [listen] });
  await away.close();
  await caller.cast(contracts.note, { text: "kept" }, { server: "hosta" });
  await callee.serve({ topic, server: "hostb", handlers: slowHandlers(finish, runs) });
  const starting = rejection(caller.call(contracts.start, {}, { server: "hostb" }));
  await vi.waitFor(() => expect(runs).toEqual(["start"]));

  await broker.kill9();
  expect((await starting).code).toBe("outcome-unknown");
  expect(caller.status()).toBe("connecting");
  expect((await rejection(caller.call(contracts.wait, {}, { deadlineMs: 300 }))).code).toBe("unavailable");
  finish.open();
  // A process that starts meanwhile fails at nothing: it serves as soon as the broker is there.
  const late = openBus("late");
  await late.serve({ topic, server: "hosta", handlers: [listen] });
  expect(late.status()).toBe("connecting");

  await broker.start();
  await Promise.all([caller, callee, late].map(connected));
  await vi.waitFor(() => expect(heard).toEqual(["kept"]), 10_000);
  expect(await caller.call(contracts.start, {}, { server: "hostb" })).toEqual({});
  expect(runs).toEqual(["start", "start"]);
}, 120_000);
