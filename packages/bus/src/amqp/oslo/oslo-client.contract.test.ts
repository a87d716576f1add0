import { DroverError } from "@drover/model";
import { type RabbitMq, startRabbitMq, startSeverableProxy, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Bus, handle, type RpcHandler } from "../../bus.ts";
import { gate } from "../../bus-contract.ts";
import { defineCall, defineCast } from "../../contract.ts";
import { openAmqpBus } from "../amqp-bus.ts";
import { type StockClient, type StockRequest, startStockClient } from "./stock-programs.ts";

// Debian's own oslo.messaging client calls what we serve.

const topic = "conductor";
const common = { topic, version: "1.5", deadlineMs: 60_000, idempotent: true, access: "read" } as const;
const anything = z.unknown();
const nothing = z.object({});

const echo = defineCall({ ...common, method: "echo", request: z.object({ value: anything }), response: anything });
const whoAmI = defineCall({ ...common, method: "who_am_i", request: nothing, response: anything });
const fail = defineCall({ ...common, method: "fail", request: z.object({ why: z.string() }), response: anything });
const work = defineCall({ ...common, method: "work", request: z.object({ seconds: z.number() }), response: anything });
const count = defineCall({ ...common, method: "count", request: nothing, response: anything });
const note = defineCast({
  topic,
  version: "1.5",
  access: "read",
  method: "note",
  request: z.object({ text: z.string() }),
});
const migrate = defineCall({
  ...common,
  method: "live_migrate_instance",
  namespace: "compute_task",
  version: "1.15",
  access: "request",
  request: z.object({ instance: z.string() }),
  response: anything,
});
const pauseGuest = defineCall({
  ...common,
  method: "pause_guest",
  access: "command",
  request: nothing,
  response: anything,
});
const ask = defineCast({
  topic,
  version: "1.5",
  access: "request",
  method: "ask",
  request: z.object({ text: z.string() }),
});

let broker: RabbitMq;
let bus: Bus;
let client: StockClient;
let counted = 0;
let ending: Promise<void> | undefined;
const heard: string[] = [];

/** What both servers of the topic serve. */
function handlersOf(server: string): RpcHandler[] {
  return [
    handle(echo, async ({ value }) => value),
    handle(whoAmI, async (_, { context, sender }) => ({ server, context, sender })),
    handle(fail, async ({ why }) => {
      throw new DroverError("no-eligible-host", "choosing a host", { cause: new Error(why) });
    }),
    handle(work, async ({ seconds }) => {
      const startedMs = performance.now();
      await waitFor("the work to take its time", () => performance.now() - startedMs > seconds * 1_000);
      return "done";
    }),
    handle(count, async () => {
      counted += 1;
      return counted;
    }),
    handle(note, async ({ text }) => void heard.push(`${server}: ${text}`)),
    handle(ask, async ({ text }) => void heard.push(`${server}: asked ${text}`)),
    handle(migrate, async ({ instance }) => `migrating ${instance}`),
    handle(pauseGuest, async () => "paused"),
  ];
}

beforeAll(async () => {
  broker = await startRabbitMq();
  bus = openAmqpBus({ urls: [broker.url], name: "drover-test" });
  await waitFor("the bus to find its broker", () => bus.status() === "connected");
  for (const server of ["hosta", "hostb"]) await bus.serve({ topic, server, handlers: handlersOf(server) });
  client = await startStockClient(broker.url, "drover");
});

afterAll(async () => {
  await client?.program.remove();
  await ending;
  await bus?.close();
  await broker?.remove();
});

beforeEach(() => {
  heard.length = 0;
});

/** A call at the version that is served. */
function call(method: string, request: Partial<StockRequest> = {}) {
  const { prepare, ...others } = request;
  return client.ask({ kind: "call", topic, method, prepare: { version: "1.5", timeout: 10, ...prepare }, ...others });
}

function cast(method: string, text: string, prepare: StockRequest["prepare"] = {}) {
  return client.ask({ kind: "cast", topic, method, args: { text }, prepare: { version: "1.5", ...prepare } });
}

describe("what is sent", () => {
  test("a call to the topic is served by any server, one to a server by that server", async () => {
    const served = new Set<unknown>();
    for (let round = 0; round < 4; round += 1) served.add((await call("who_am_i")).returned);
    expect([...served].map((answer) => z.object({ server: z.string() }).parse(answer).server).sort()).toEqual(
      expect.arrayContaining(["hosta", "hostb"]),
    );
    for (const server of ["hostb", "hostb", "hosta"]) {
      expect(await call("who_am_i", { prepare: { server } })).toMatchObject({ returned: { server } });
    }
  });

  test("a cast reaches one server, a cast to a server that one, a fanout all of them", async () => {
    expect(await cast("note", "any")).toMatchObject({ returned: null });
    expect(await cast("note", "one", { server: "hostb" })).toMatchObject({ returned: null });
    expect(await cast("note", "all", { fanout: true })).toMatchObject({ returned: null });
    await waitFor("four notes", () => heard.length === 4);
    expect(heard.filter((line) => line.endsWith(": any"))).toHaveLength(1);
    expect(heard).toEqual(expect.arrayContaining(["hostb: one", "hosta: all", "hostb: all"]));
  });

  test("request, user and project id pass, and nobody vouches for the sender", async () => {
    const ids = { request_id: "req-1", user_id: "admin", project_id: "service" };
    const { returned } = await call("who_am_i", { context: { ...ids, is_admin: true, roles: ["admin"] } });
    expect(returned).toMatchObject({
      context: { requestId: "req-1", userId: "admin", projectId: "service" },
      sender: { user: null, throughExchange: true },
    });
    const { returned: unnamed } = await call("who_am_i");
    expect(unnamed).toMatchObject({ context: { requestId: expect.stringMatching(/^req-/) } });
  });

  test.each([
    ["nothing", null],
    ["a truth", true],
    ["an empty string", ""],
    ["zero", 0],
    ["a fraction", -1.5e-7],
    ["the largest whole number that passes", Number.MAX_SAFE_INTEGER],
    ["letters beyond ASCII and beyond 16 bits", "šķērsām 移行 🚚"],
    ["what JSON must escape", 'a"b\\c\n\u0000\u2028{"x": "\\u0041"}'],
    ["half of a pair", "\ud83d"],
    ["nested", { list: [null, [], {}, { deep: [[["x"]]] }], "a key": { "": null } }],
  ])("%s comes back as it was", async (_, value) => {
    expect(await call("echo", { args: { value } })).toMatchObject({ returned: value });
  });

  test("a mebibyte comes back as it was", async () => {
    const value = "0123456789abcdeß".repeat(65_536);
    const { returned } = await call("echo", { args: { value } });
    expect(returned === value).toBe(true);
  });

  test("the contract of a call may be cast", async () => {
    counted = 0;
    await client.ask({ kind: "cast", topic, method: "count", prepare: { version: "1.5" } });
    await waitFor("the cast to be served", () => counted === 1);
  });

  test("the contract of a cast may be called, and answers nothing", async () => {
    expect(await call("note", { args: { text: "called" } })).toMatchObject({ returned: null });
    expect(heard).toHaveLength(1);
  });
});

describe("what is refused", () => {
  test("a failure is raised as RemoteError with our code as its class", async () => {
    expect(await call("fail", { args: { why: "disk ĳs full" } })).toMatchObject({
      raised: "RemoteError",
      excType: "no-eligible-host",
      value: "choosing a host: disk ĳs full",
    });
  });

  test("arguments that break the contract's schema are raised as bad-request, naming the field", async () => {
    expect(await call("work", { args: { seconds: "one" } })).toMatchObject({
      raised: "RemoteError",
      excType: "bad-request",
      value: expect.stringContaining("`seconds`"),
    });
  });

  const noSuchMethod = "Endpoint does not support RPC method no_such_method";
  const unsupported = "Endpoint does not support RPC version 1.6. Attempted method: echo";

  test("an unknown method and too new a version are oslo's own refusals", async () => {
    expect(await call("no_such_method")).toMatchObject({
      raised: "RemoteError",
      excType: "NoSuchMethod",
      value: noSuchMethod,
    });
    expect(await call("echo", { prepare: { version: "1.6" }, args: { value: 1 } })).toMatchObject({
      raised: "RemoteError",
      excType: "UnsupportedVersion",
      value: unsupported,
    });
    for (const version of ["0.9", "2.0"]) {
      expect(await call("echo", { prepare: { version } })).toMatchObject({ excType: "UnsupportedVersion" });
    }
  });

  test("a client that allows oslo's own module gets the two as their classes", async () => {
    const allow = ["oslo_messaging.rpc.dispatcher"];
    expect(await call("no_such_method", { allow })).toMatchObject({
      raised: "NoSuchMethod_Remote",
      text: expect.stringContaining(noSuchMethod),
    });
    expect(await call("echo", { allow, prepare: { version: "1.6" } })).toMatchObject({
      raised: "UnsupportedVersion_Remote",
      text: expect.stringContaining(unsupported),
    });
    expect(await call("fail", { allow, args: { why: "x" } })).toMatchObject({ raised: "RemoteError" });
  });

  test("an older version and one below the client's cap are served, one above it never leaves the client", async () => {
    expect(await call("echo", { prepare: { version: "1.0" }, args: { value: 1 } })).toMatchObject({ returned: 1 });
    const capped = { version: "1.3", version_cap: "1.4" };
    expect(await call("echo", { prepare: capped, args: { value: 1 } })).toMatchObject({ returned: 1 });
    expect(await call("echo", { prepare: { ...capped, version_cap: "1.2" } })).toMatchObject({
      raised: "RPCVersionCapError",
    });
  });

  test("a method is found by its namespace only", async () => {
    const named = { namespace: "compute_task", version: "1.15" };
    const args = { instance: "vm1" };
    expect(await call("live_migrate_instance", { prepare: named, args })).toMatchObject({ returned: "migrating vm1" });
    expect(await call("live_migrate_instance", { prepare: { ...named, namespace: "other" }, args })).toMatchObject({
      excType: "UnsupportedVersion",
    });
    expect(await call("live_migrate_instance", { args })).toMatchObject({ excType: "NoSuchMethod" });
    expect(await call("echo", { prepare: { ...named, version: "1.5" } })).toMatchObject({ excType: "NoSuchMethod" });
  });

  test("it may read and request, and commands nobody", async () => {
    expect(await call("pause_guest", { prepare: { server: "hosta" } })).toMatchObject({
      raised: "RemoteError",
      excType: "forbidden",
      value: expect.stringContaining("pause_guest"),
    });
    await cast("ask", "one");
    await waitFor("the request to be served", () => heard.length === 1);
    expect(heard[0]).toMatch(/: asked one$/);
  });

  test("a request by fanout is not taken: agents may publish there too", async () => {
    await cast("ask", "all", { fanout: true });
    await cast("note", "after it", { fanout: true });
    await waitFor("both to hear the note", () => heard.length === 2);
    expect(heard.toSorted()).toEqual(["hosta: after it", "hostb: after it"]);
  });
});

describe("time", () => {
  test("a call that takes longer than the client waits ends in MessagingTimeout", async () => {
    const outcome = await call("work", { prepare: { timeout: 1 }, args: { seconds: 3 } });
    expect(outcome).toMatchObject({ raised: "MessagingTimeout" });
    // The late reply, which the client drops, disturbs no later call.
    expect(await call("echo", { args: { value: "next" } })).toMatchObject({ returned: "next" });
  });

  test("a call to a server that was never there ends in MessagingTimeout, a cast to it is lost", async () => {
    const prepare = { server: "nowhere", timeout: 1 };
    expect(await call("echo", { prepare, args: { value: 1 } })).toMatchObject({ raised: "MessagingTimeout" });
    expect(await cast("note", "lost", { server: "nowhere" })).toMatchObject({ returned: null });
  });

  test("a call that waited in the queue past its expiration is never run", async () => {
    const away = await bus.serve({ topic, server: "away", handlers: handlersOf("away") });
    await away.close();
    counted = 0;
    const prepare = { server: "away", timeout: 1 };
    expect(await call("count", { prepare })).toMatchObject({ raised: "MessagingTimeout" });
    // The broker counts from when it has the message, the client from when it wrote it.
    await waitFor("the call to expire", async () => (await broker.messagesIn(`${topic}.away`)) === 0);
    const back = await bus.serve({ topic, server: "away", handlers: handlersOf("away") });
    expect(await call("echo", { prepare: { server: "away" }, args: { value: "back" } })).toMatchObject({
      returned: "back",
    });
    expect(counted).toBe(0);
    await back.close();
  });

  test("a monitored call learns of its server's death long before its own timeout", async () => {
    await using proxy = await startSeverableProxy(broker);
    const url = new URL(broker.url);
    url.port = String(proxy.port);
    const dying = openAmqpBus({ urls: [url.href], name: "dying" });
    const running = gate();
    const finish = gate();
    const wait = defineCall({ ...common, method: "wait", request: nothing, response: anything });
    await waitFor("the bus to find its broker", () => dying.status() === "connected");
    await dying.serve({
      topic,
      server: "dying",
      handlers: [
        handle(wait, async () => {
          running.open();
          await finish.opened;
        }),
      ],
    });
    const calling = call("wait", { prepare: { server: "dying", timeout: 30, call_monitor_timeout: 2 } });
    await running.opened;
    proxy.severForEver();
    const outcome = await calling;
    expect(outcome).toMatchObject({ raised: "MessagingTimeout" });
    expect(outcome.seconds).toBeLessThan(20);
    finish.open();
    // It tries for a while to send its last reply.
    ending = dying.close();
  });

  test("heartbeats keep a monitored call alive past the monitor's timeout", async () => {
    const prepare = { timeout: 60, call_monitor_timeout: 5 };
    expect(await call("work", { prepare, args: { seconds: 7 } })).toMatchObject({ returned: "done" });
  });
});
