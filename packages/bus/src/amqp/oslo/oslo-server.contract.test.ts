import { type PythonProgram, type RabbitMq, startRabbitMq, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Bus, handle } from "../../bus.ts";
import { rejection } from "../../bus-contract.ts";
import { defineCall, defineCast } from "../../contract.ts";
import { openAmqpBus } from "../amqp-bus.ts";
import { startStockServer } from "./stock-programs.ts";

// Our client calls Debian's own oslo.messaging servers: two of them, hosta and hostb.

// Not `compute`: a bus of ours declares that one for its agents, and a stock server of the same name could not start.
const topic = "stock";
const common = { topic, version: "2.3", deadlineMs: 20_000, idempotent: true, access: "read" } as const;
const nothing = z.object({});
const anything = z.unknown();

const echo = defineCall({ ...common, method: "echo", request: z.object({ value: anything }), response: anything });
const whoAmI = defineCall({
  ...common,
  method: "who_am_i",
  request: nothing,
  response: z.object({ server: z.string(), context: z.record(z.string(), anything) }),
});
const fail = defineCall({ ...common, method: "fail", request: z.object({ message: z.string() }), response: anything });
const returnNothing = defineCall({ ...common, method: "nothing", request: nothing, response: z.null() });
const work = defineCall({
  ...common,
  method: "work",
  monitorTimeoutMs: 5_000,
  request: z.object({ seconds: z.number() }),
  response: z.string(),
});
const note = defineCast({
  topic,
  version: "2.3",
  access: "read",
  method: "note",
  request: z.object({ text: z.string() }),
});
const migrate = defineCall({
  ...common,
  method: "live_migrate_instance",
  namespace: "compute_task",
  version: "1.10",
  request: z.object({ instance: z.string() }),
  response: z.string(),
});

let broker: RabbitMq;
let bus: Bus;
let hosta: PythonProgram;
let hostb: PythonProgram;

beforeAll(async () => {
  broker = await startRabbitMq();
  bus = openAmqpBus({ urls: [broker.url], name: "drover-test" });
  [hosta, hostb] = await Promise.all([startServer("hosta"), startServer("hostb")]);
});

afterAll(async () => {
  await hosta?.remove();
  await hostb?.remove();
  await bus?.close();
  await broker?.remove();
});

/** A stock server says that it serves a moment before it consumes. */
async function startServer(server: string): Promise<PythonProgram> {
  const program = await startStockServer(broker.url, "drover", topic, server);
  await waitFor(`${server} to consume`, () => bus.call(whoAmI, {}, { server }));
  return program;
}

const heard = z.object({ text: z.string(), request_id: z.string() });

/** The next note that a server heard. */
async function nextNote(server: PythonProgram): Promise<z.infer<typeof heard>> {
  return heard.parse(JSON.parse(await server.nextLine()));
}

describe("what is sent", () => {
  test("a call to the topic is served by any server, one to a server by that server", async () => {
    const served = new Set<string>();
    for (let round = 0; round < 4; round += 1) served.add((await bus.call(whoAmI, {})).server);
    expect([...served].sort()).toEqual(["hosta", "hostb"]);
    expect(await bus.call(whoAmI, {}, { server: "hostb" })).toMatchObject({ server: "hostb" });
  });

  test("the context arrives under oslo's keys, and nothing beside it", async () => {
    const context = { requestId: "req-1", userId: "admin", projectId: "service", traceparent: "00-1-2-01" };
    expect((await bus.call(whoAmI, {}, { context })).context).toEqual({
      request_id: "req-1",
      user_id: "admin",
      project_id: "service",
      traceparent: "00-1-2-01",
      // Oslo adds the caller's own timeout.
      client_timeout: null,
    });
  });

  test.each([
    ["nothing", null],
    ["letters beyond ASCII and beyond 16 bits", "šķērsām 移行 🚚"],
    ["half of a pair", "\ud83d"],
    ["numbers", [0, -1.5e-7, Number.MAX_SAFE_INTEGER]],
    ["nested", { list: [null, [], {}, { deep: [[["x"]]] }], "a key": { "": null } }],
    ["a mebibyte", "0123456789abcdeß".repeat(65_536)],
  ])("%s comes back as it was", async (_, value) => {
    expect(await bus.call(echo, { value })).toEqual(value);
  });

  test("a method that returns nothing fits a contract of null", async () => {
    expect(await bus.call(returnNothing, {})).toBeNull();
  });

  test("a cast to a server reaches that one, a fanout both", async () => {
    const context = { requestId: "req-2" };
    await bus.cast(note, { text: "one" }, { server: "hostb", context });
    expect(await nextNote(hostb)).toEqual({ text: "one", request_id: "req-2" });
    await bus.cast(note, { text: "all" }, { fanout: true, context });
    expect(await Promise.all([nextNote(hosta), nextNote(hostb)])).toMatchObject([{ text: "all" }, { text: "all" }]);
  });
});

describe("what is refused", () => {
  test("an exception is internal, and named", async () => {
    const error = await rejection(bus.call(fail, { message: "because" }));
    expect(error).toMatchObject({
      code: "internal",
      message: "ValueError: because",
      details: { class: "ValueError", module: "builtins" },
    });
  });

  test("an unknown method and too new a version are bad requests that say so", async () => {
    expect(await rejection(bus.call({ ...echo, method: "no_such_method" }, { value: 1 }))).toMatchObject({
      code: "bad-request",
      details: { reason: "no-such-method" },
    });
    expect(await rejection(bus.call({ ...echo, version: "2.4" }, { value: 1 }))).toMatchObject({
      code: "bad-request",
      details: { reason: "unsupported-version" },
    });
  });

  test("a method is found by its namespace only", async () => {
    expect(await bus.call(migrate, { instance: "vm1" })).toBe("migrating vm1");
    const elsewhere = { ...migrate, namespace: "other" };
    expect(await rejection(bus.call(elsewhere, { instance: "vm1" }))).toMatchObject({
      details: { reason: "unsupported-version" },
    });
  });

  test("a call to a server that was never there fails without its deadline", async () => {
    expect(await rejection(bus.call(echo, { value: 1 }, { server: "nowhere" }))).toMatchObject({
      code: "agent-unreachable",
    });
  });
});

describe("time", () => {
  test("a call that takes too long is given up, and its late answer disturbs no other", async () => {
    expect(await rejection(bus.call(work, { seconds: 4 }, { deadlineMs: 2_000 }))).toMatchObject({
      code: "deadline-exceeded",
    });
    expect(await bus.call(work, { seconds: 0.7 })).toBe("done");
  });

  test("heartbeats from Python keep a monitored call alive past the monitor's timeout", async () => {
    expect(await bus.call(work, { seconds: 7 })).toBe("done");
  });

  test("a monitored call learns of its server's death long before its deadline", async () => {
    const dying = await startServer("dying");
    const startedMs = performance.now();
    const call = rejection(bus.call(work, { seconds: 25 }, { server: "dying" }));
    // Python's signs of life come each half of the monitor's timeout; from the first on we count.
    await waitFor("a sign of life to have come", () => performance.now() - startedMs > 8_000);
    await dying.kill9();
    expect(await call).toMatchObject({ code: "unavailable", details: { monitorTimeoutMs: 5_000 } });
    await dying.remove();
  });
});

describe("one topic, two kinds of servers", () => {
  test("we refuse to serve a topic of stock servers, and keep our connection", async () => {
    const calling = bus.call(work, { seconds: 1 });
    const error = await rejection(bus.serve({ topic, server: "hostc", handlers: [] }));
    expect(error.code).toBe("refused");
    expect(error.message).toContain(topic);
    expect(await calling).toBe("done");
    expect(bus.status()).toBe("connected");
  });

  test("what our client and the refused server did left the stock servers' queues as they were", async () => {
    const queues = await broker.rabbitmqctl("list_queues", "--silent", "--no-table-headers", "name", "durable");
    const lines = queues.trim().split("\n");
    expect(lines).toEqual(expect.arrayContaining(["stock\tfalse", "stock.hosta\tfalse", "stock.hostb\tfalse"]));
    expect(lines.filter((line) => /nowhere|hostc/.test(line))).toEqual([]);
  });

  test("a stock server that would serve a topic of ours ends, and ours goes on", async () => {
    const ours = { ...common, topic: "conductor" };
    const ping = defineCall({ ...ours, method: "ping", request: nothing, response: z.string() });
    await bus.serve({ topic: "conductor", server: "hosta", handlers: [handle(ping, async () => "pong")] });
    await expect(startStockServer(broker.url, "drover", "conductor", "hostb")).rejects.toThrow("PRECONDITION_FAILED");
    expect(await bus.call(ping, {})).toBe("pong");
    expect(bus.status()).toBe("connected");
  });
});
