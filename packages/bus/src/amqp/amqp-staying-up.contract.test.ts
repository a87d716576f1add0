import { readFileSync } from "node:fs";
import { createCertificates, freePort, type RabbitMq, startRabbitMq } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { addressThrough, brokerTestBed, connected, newTopic } from "../broker-test-bed.test.support.ts";
import { handle } from "../bus.ts";
import { gate, rejection } from "../bus-contract.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";

const { amqpBus, bareAmqp, severableWay } = brokerTestBed(onTestFinished);

describe("over plain TCP", () => {
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq();
  });
  afterAll(() => broker?.remove());

  test("of several addresses the one that lives is found, and another when it dies", async () => {
    const dead = addressThrough(broker.url, await freePort());
    const first = await severableWay(broker);
    const second = await severableWay(broker);
    const urls = [dead, first.url, second.url];
    const logger = recordingLogger();
    const bus = await connected(amqpBus({ urls, logger }));
    const { topic, contracts } = newTopic();
    const handlers = [handle(contracts.wait, async () => ({}))];
    await bus.serve({ topic, server: "hosta", handlers });
    first.proxy.severForEver();
    await vi.waitFor(() => expect(bus.status()).toBe("connecting"));
    await connected(bus);
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
    const met = logger.lines.filter(({ sentence }) => sentence === "connected to the broker");
    expect(met.map(({ fields }) => String(fields.broker))).toEqual([
      expect.stringContaining(`:${first.proxy.port}`),
      expect.stringContaining(`:${second.proxy.port}`),
    ]);
  }, 60_000);

  test("a refused serve says why, and those that serve beside it go on without a break", async () => {
    const logger = recordingLogger();
    const bus = await connected(amqpBus({ urls: [broker.url], logger }));
    const { topic, contracts } = newTopic();
    await bus.serve({ topic, server: "hosta", handlers: [handle(contracts.wait, async () => ({}))] });
    // A reply queue is no topic: its flags are others.
    const reply = (await broker.rabbitmqctl("--silent", "list_queues", "name"))
      .split("\n")
      .find((name) => name.startsWith("reply_"));
    const error = await rejection(bus.serve({ topic: reply ?? "", server: "hostb", handlers: [] }));
    expect(error.code).toBe("refused");
    expect(String(error.cause)).toContain("406");
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
    expect(logger.lines.filter(({ sentence }) => sentence === "connected to the broker")).toHaveLength(1);
  });

  test("a control exchange that somebody made durable costs Drover nothing, and the log says how to mend it", async () => {
    const channel = await (await bareAmqp(broker.url)).createChannel();
    await channel.assertExchange("somebodys", "topic", { durable: true });
    const logger = recordingLogger();
    const bus = await connected(amqpBus({ urls: [broker.url], controlExchange: "somebodys", logger }));
    const { topic, contracts } = newTopic();
    await bus.serve({ topic, server: "hosta", handlers: [handle(contracts.wait, async () => ({}))] });
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
    const errors = logger.lines.filter(({ level }) => level === "error");
    expect(errors.map(({ sentence }) => sentence)).toEqual([expect.stringContaining("Delete the exchange")]);
    expect(String(errors[0]?.fields.reason)).toContain("durable");
  });

  test("names that a broker would not take are the caller's mistake, and cost nobody else anything", async () => {
    const bus = await connected(amqpBus({ urls: [broker.url] }));
    const { topic, contracts } = newTopic();
    await bus.serve({ topic, server: "hosta", handlers: [handle(contracts.wait, async () => ({}))] });
    const server = "h".repeat(300);
    const wrong = [
      bus.call(contracts.wait, {}, { server }),
      bus.cast(contracts.note, { text: "one" }, { server }),
      bus.serve({ topic, server: "h".repeat(215), handlers: [] }),
      bus.serve({ topic: `${topic}\n`, server: "hosta", handlers: [] }),
    ];
    const errors = await Promise.all(wrong.map(rejection));
    expect(errors.map(({ code }) => code)).toEqual(wrong.map(() => "bad-request"));
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
  });

  test("while the broker takes nothing a call ends with its deadline, not sent, and a cast goes through afterwards", async () => {
    const { topic, contracts } = newTopic();
    const caller = await connected(amqpBus({ urls: [broker.url] }));
    const callee = await connected(amqpBus({ urls: [broker.url] }));
    const heard: string[] = [];
    const listen = handle(contracts.note, async ({ text }) => void heard.push(text));
    const handlers = [listen, handle(contracts.wait, async () => ({}))];
    await callee.serve({ topic, server: "hosta", handlers });
    await broker.setMemoryAlarm(true);
    try {
      const cast = caller.cast(contracts.note, { text: "one" }, { server: "hosta" });
      const call = await rejection(caller.call(contracts.wait, {}, { server: "hosta", deadlineMs: 500 }));
      expect(call.code).toBe("unavailable");
      expect(heard).toEqual([]);
      await broker.setMemoryAlarm(false);
      await cast;
      await vi.waitFor(() => expect(heard).toEqual(["one"]));
    } finally {
      await broker.setMemoryAlarm(false);
    }
  }, 60_000);

  test("while the broker takes nothing parked messages are not to be had, and are there afterwards", async () => {
    const { topic, contracts } = newTopic();
    const bus = await connected(amqpBus({ urls: [broker.url] }));
    await bus.serve({ topic, server: "hosta", handlers: [] });
    const parked = async () => (await bus.listParked()).filter(({ queue }) => queue.startsWith(topic));
    const channel = await (await bareAmqp(broker.url)).createConfirmChannel();
    channel.sendToQueue(`${topic}.hosta`, Buffer.from("no request"));
    await channel.waitForConfirms();
    await vi.waitFor(async () => expect(await parked()).toHaveLength(1));
    const [{ id } = { id: "" }] = await parked();
    await broker.setMemoryAlarm(true);
    try {
      // A connection is held up from the first message that it publishes on.
      await vi.waitFor(async () => {
        const sent = await rejection(bus.call(contracts.wait, {}, { server: "hosta", deadlineMs: 300 }));
        expect(sent.code).toBe("deadline-exceeded");
      });
      const errors = await Promise.all([rejection(bus.listParked()), rejection(bus.releaseParked(id, "discard"))]);
      expect(errors.map(({ code }) => code)).toEqual(["unavailable", "unavailable"]);
    } finally {
      await broker.setMemoryAlarm(false);
    }
    expect((await parked()).map((message) => message.id)).toEqual([id]);
  }, 60_000);

  test("a broker that hangs is given up after missed heartbeats, and found when it answers again", async () => {
    const url = new URL(broker.url);
    url.searchParams.set("heartbeat", "1");
    const { topic, contracts } = newTopic();
    const bus = await connected(amqpBus({ urls: [url.href] }));
    await bus.serve({
      topic,
      server: "hosta",
      handlers: [handle(contracts.wait, async () => ({}))],
    });
    broker.freeze();
    try {
      // Its threads stop one after the other: it may answer a moment longer.
      await vi.waitFor(async () => {
        const call = await rejection(bus.call(contracts.start, {}, { server: "hosta", deadlineMs: 200 }));
        expect(call.code).toBe("unavailable");
      });
      await vi.waitFor(() => expect(bus.status()).toBe("connecting"));
    } finally {
      broker.thaw();
    }
    await connected(bus);
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
  }, 60_000);

  test("a server that stops answers what runs, refuses what waits, and gives back what it did not begin", async () => {
    const { topic, contracts } = newTopic();
    const caller = await connected(amqpBus({ urls: [broker.url] }));
    const callee = await connected(amqpBus({ urls: [broker.url], name: "stopping" }));
    const begun = gate();
    const heard: string[] = [];
    const handlers = [
      handle(contracts.wait, async (_, { signal }) => {
        begun.open();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return {};
      }),
      handle(contracts.note, async ({ text }) => void heard.push(text)),
    ];
    await callee.serve({ topic, server: "hosta", handlers, maxInFlight: 1 });
    const running = caller.call(contracts.wait, {}, { server: "hosta" });
    await begun.opened;
    for (const text of ["one", "two"]) await caller.cast(contracts.note, { text }, { server: "hosta" });
    await callee.close();
    expect(await running).toEqual({});
    expect(heard).toEqual([]);
    await caller.serve({ topic, server: "hosta", handlers });
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(["one", "two"]));
  });
});

describe("over TLS", () => {
  test("a broker of our authority is met with our certificate, one of another's never, with the reason in the log", async () => {
    await using certificates = await createCertificates();
    await using strangers = await createCertificates();
    await using broker = await startRabbitMq({ tls: certificates, verifyClients: true });
    const own = {
      cert: readFileSync(certificates.clientCertificateFile, "utf8"),
      key: readFileSync(certificates.clientKeyFile, "utf8"),
    };
    const tls = { ...own, ca: readFileSync(certificates.caFile, "utf8") };
    const bus = await connected(amqpBus({ urls: [broker.url], tls }));
    const { topic, contracts } = newTopic();
    await bus.serve({
      topic,
      server: "hosta",
      handlers: [handle(contracts.wait, async () => ({}))],
    });
    expect(await bus.call(contracts.wait, {}, { server: "hosta" })).toEqual({});

    const logger = recordingLogger();
    const wrong = amqpBus({ urls: [broker.url], tls: { ...own, ca: readFileSync(strangers.caFile, "utf8") }, logger });
    await vi.waitFor(() => expect(logger.lines.length).toBeGreaterThan(0));
    expect(wrong.status()).toBe("connecting");
    expect(logger.lines[0]).toMatchObject({ level: "warn", sentence: "no connection to the broker" });
    expect(String(logger.lines[0]?.fields.reason)).toContain("certificate");
    await bus.close();
    await wrong.close();
  }, 180_000);
});
