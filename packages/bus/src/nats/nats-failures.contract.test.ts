import { readFileSync } from "node:fs";
import { createCertificates, type Nats, startNats } from "@drover/testkit";
import { DeliverPolicy, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { brokerTestBed, connected, newTopic } from "../broker-test-bed.test.support.ts";
import { handle } from "../bus.ts";
import { gate, rejection } from "../bus-contract.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";
import type { NatsBusOptions } from "./nats-bus.ts";
import { CAST_STREAM, PARKED_STREAM } from "./streams.ts";
import { consumerName } from "./subjects.ts";

const { bareNats, natsBus } = brokerTestBed(onTestFinished);

/** Three pings, and then some. */
const SILENCE_LIMIT_MS = 45_000;

let broker: Nats;

beforeAll(async () => {
  broker = await startNats();
});

afterAll(async () => {
  await broker?.remove();
});

const openBus = (options: Partial<NatsBusOptions> = {}) => connected(natsBus({ urls: [broker.url], ...options }));

/** A connection of the bus's own user. */
function administrator(): Promise<NatsConnection> {
  const { user, password: pass, port } = broker;
  return bareNats({ port, user, pass });
}

test("streams and consumers that were lost are made again", async () => {
  const { topic, contracts } = newTopic();
  const caller = await openBus();
  const callee = await openBus();
  const heard: string[] = [];
  const note = handle(contracts.note, async ({ text }) => void heard.push(text));
  await callee.serve({ topic, server: "hosta", handlers: [note] });
  await caller.cast(contracts.note, { text: "before" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["before"]));
  const jsm = await jetstreamManager(await administrator());
  // In this order: the server looks after the casts, and makes what it then finds to be missing.
  await jsm.streams.delete(PARKED_STREAM).catch(() => {});
  await jsm.streams.delete(CAST_STREAM);
  await vi.waitFor(async () => {
    await caller.cast(contracts.note, { text: "after" }, { server: "hosta" });
    expect(heard).toContain("after");
  });
  expect(await caller.listParked()).toEqual([]);
});

test("a consumer that was deleted under its server is made again, and what waits is taken", async () => {
  const { topic, contracts } = newTopic();
  const caller = await openBus();
  const heard: string[] = [];
  const note = handle(contracts.note, async ({ text }) => void heard.push(text));
  await caller.serve({ topic, server: "hosta", handlers: [note] });
  await caller.cast(contracts.note, { text: "one" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["one"]));
  const jsm = await jetstreamManager(await administrator());
  await jsm.consumers.delete(CAST_STREAM, consumerName(topic, "hosta"));
  await caller.cast(contracts.note, { text: "two" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["one", "two"]));
});

test("a consumer of another release is changed, not fought over", async () => {
  const { topic, contracts } = newTopic();
  const bus = await openBus();
  const jsm = await jetstreamManager(await administrator());
  const first = await bus.serve({ topic, server: "hosta", handlers: [] });
  await first.close();
  const name = consumerName(topic, "hosta");
  await jsm.consumers.update(CAST_STREAM, name, { ack_wait: 7_000_000_000 });
  const heard: string[] = [];
  const note = handle(contracts.note, async ({ text }) => void heard.push(text));
  await bus.serve({ topic, server: "hosta", handlers: [note] });
  await bus.cast(contracts.note, { text: "one" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["one"]));
  const { config } = await jsm.consumers.info(CAST_STREAM, name);
  expect(config).toMatchObject({ ack_wait: 10_000_000_000, deliver_policy: DeliverPolicy.All });
});

test("a cast that takes longer than the server waits runs once", { timeout: 40_000 }, async () => {
  const { topic, contracts } = newTopic();
  const bus = await openBus();
  const other = await openBus();
  const finish = gate();
  const heard: string[] = [];
  const slow = handle(contracts.note, async ({ text }) => {
    heard.push(text);
    await finish.opened;
  });
  for (const callee of [bus, other]) await callee.serve({ topic, server: "hosta", handlers: [slow] });
  await bus.cast(contracts.note, { text: "slow" }, { server: "hosta" });
  await vi.waitFor(() => expect(heard).toEqual(["slow"]));
  const jsm = await jetstreamManager(await administrator());
  const name = consumerName(topic, "hosta");
  const sequence = async () => (await jsm.consumers.info(CAST_STREAM, name)).delivered.consumer_seq;
  const startedMs = performance.now();
  await vi.waitFor(() => expect(performance.now() - startedMs).toBeGreaterThan(15_000), {
    timeout: 20_000,
    interval: 500,
  });
  expect(await sequence()).toBe(1);
  finish.open();
  await vi.waitFor(async () => expect((await jsm.consumers.info(CAST_STREAM, name)).num_ack_pending).toBe(0));
  expect(heard).toEqual(["slow"]);
});

test("a cast that could not be parked comes again to be parked, not to be run", { timeout: 60_000 }, async () => {
  const { topic, contracts } = newTopic();
  const logger = recordingLogger();
  const bus = await openBus({ logger });
  const heard: string[] = [];
  const note = handle(contracts.note, async ({ text }) => {
    heard.push(text);
    throw new Error("never");
  });
  await bus.serve({ topic, server: "hosta", handlers: [note] });
  const jsm = await jetstreamManager(await administrator());
  await jsm.streams.update(PARKED_STREAM, { max_msg_size: 10 });
  await bus.cast(contracts.note, { text: "one" }, { server: "hosta" });
  const refused = expect.objectContaining({ sentence: "a cast could not be parked; it comes again" });
  await vi.waitFor(() => expect(logger.lines).toContainEqual(refused));
  await jsm.streams.update(PARKED_STREAM, { max_msg_size: -1 });
  const parked = async () => (await bus.listParked()).filter(({ queue }) => queue === `${topic}.hosta`);
  await vi.waitFor(async () => expect(await parked()).toMatchObject([{ tries: 5 }]), 40_000);
  expect(heard).toHaveLength(5);
});

test("a server with too much to do says so, and does what it has taken", { timeout: 60_000 }, async () => {
  const { topic, contracts } = newTopic();
  const callee = await openBus();
  const callers = [await openBus(), await openBus()];
  const finish = gate();
  const wait = handle(contracts.wait, async () => {
    await finish.opened;
    return {};
  });
  await callee.serve({ topic, server: "hosta", handlers: [wait], maxInFlight: 1 });
  const patient = { ...contracts.wait, deadlineMs: 50_000 };
  let refused = 0;
  const calls = callers.flatMap((caller) =>
    Array.from({ length: 5_100 }, () =>
      caller.call(patient, {}).then(
        () => "done",
        (error: unknown) => {
          refused += 1;
          return error;
        },
      ),
    ),
  );
  const first = await Promise.race(calls);
  expect(first).toMatchObject({ code: "unavailable", message: expect.stringContaining("wait already") });
  // One is worked on and 10,000 wait: the others have all been refused before there is room again.
  await vi.waitFor(() => expect(refused).toBe(calls.length - 10_001));
  finish.open();
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(10_001);
});

test("a server that falls silent is given up, and found again", { timeout: 90_000 }, async () => {
  const frozen = await startNats();
  onTestFinished(() => frozen.remove());
  const { topic, contracts } = newTopic();
  const bus = await openBus({ urls: [frozen.url] });
  const add = handle(contracts.add, async ({ a, nested }) => ({ sum: a + nested.b }));
  await bus.serve({ topic, server: "hosta", handlers: [add] });
  frozen.freeze();
  const request = { a: 1, nested: { b: 2 } };
  // The first may still slip through: a process with many threads does not stop at once.
  const hurried = await vi.waitFor(() => rejection(bus.call(contracts.add, request, { deadlineMs: 300 })));
  expect(hurried).toMatchObject({ code: "deadline-exceeded" });
  await vi.waitFor(() => expect(bus.status()).toBe("connecting"), SILENCE_LIMIT_MS);
  frozen.thaw();
  await vi.waitFor(() => expect(bus.status()).toBe("connected"));
  expect(await bus.call(contracts.add, request)).toEqual({ sum: 3 });
});

test("the second address is taken where the first does not answer", async () => {
  const away = new URL(broker.url);
  away.port = "1";
  const bus = await openBus({ urls: [away.href, broker.url] });
  await bus.ping();
});

test("over TLS both ends must prove themselves", async () => {
  const certificates = await createCertificates();
  onTestFinished(() => certificates.remove());
  const secure = await startNats({ tls: certificates, verifyClients: true });
  onTestFinished(() => secure.remove());
  const ca = readFileSync(certificates.caFile, "utf8");
  const cert = readFileSync(certificates.clientCertificateFile, "utf8");
  const key = readFileSync(certificates.clientKeyFile, "utf8");
  const { topic, contracts } = newTopic();
  const bus = await openBus({ urls: [secure.url], tls: { ca, cert, key } });
  await bus.serve({ topic, server: "hosta", handlers: [handle(contracts.wait, async () => ({}))] });
  expect(await bus.call(contracts.wait, {})).toEqual({});

  for (const tls of [{ ca }, { cert, key }]) {
    const logger = recordingLogger();
    const refused = natsBus({ urls: [secure.url], name: "refused", tls, logger });
    await vi.waitFor(() =>
      expect(logger.lines.map(({ sentence }) => sentence)).toContain("no connection to the broker"),
    );
    expect(refused.status()).toBe("connecting");
  }
});

test("no log line has the password, and a wrong one is named as the reason", async () => {
  const logger = recordingLogger();
  const url = new URL(broker.url);
  url.password = "open-sesame";
  natsBus({ urls: [url.href], name: "stranger", logger });
  const reason = expect.objectContaining({ reason: expect.stringMatching(/authorization/i) });
  await vi.waitFor(() =>
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: "warn", fields: reason })),
  );
  expect(JSON.stringify(logger.lines)).not.toContain("open-sesame");
});
