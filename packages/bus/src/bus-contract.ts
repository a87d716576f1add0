import { DroverError, isDroverError } from "@drover/model";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { type Bus, handle, type RpcHandler, type RpcServer } from "./bus.ts";
import { defineCall, defineCast, type Schema } from "./contract.ts";

const version = "1.2";
const nothing = z.object({});
const sum = z.object({ sum: z.number() });

/** Contracts on a topic of their own, so that no test sees another's queues. */
export function sampleContracts(topic: string) {
  const common = { topic, version, deadlineMs: 10_000, idempotent: true, access: "read" } as const;
  return {
    add: defineCall({
      ...common,
      method: "add",
      request: z.object({ a: z.number(), nested: z.object({ b: z.number() }) }),
      response: sum,
    }),
    wait: defineCall({ ...common, method: "wait", request: nothing, response: nothing }),
    start: defineCall({ ...common, method: "start", request: nothing, response: nothing, idempotent: false }),
    whoAmI: defineCall({
      ...common,
      method: "who_am_i",
      request: nothing,
      response: z.object({ server: z.string(), requestId: z.string(), userId: z.string().nullable() }),
    }),
    note: defineCast({ topic, version, access: "read", method: "note", request: z.object({ text: z.string() }) }),
  };
}

/** What a promise was rejected with, as a DroverError. */
export async function rejection(promise: Promise<unknown>): Promise<DroverError> {
  const outcome = await promise.then(
    () => "it was fulfilled",
    (error: unknown) => error,
  );
  if (isDroverError(outcome)) return outcome;
  throw new Error("expected a DroverError", { cause: outcome });
}

/** A gate that a handler waits at, and a test opens. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** What every driver of the bus promises. `open` gives the calling and the serving process's bus, new for each test. */
export function describeBusContract(driver: string, open: () => Promise<{ caller: Bus; callee: Bus }>): void {
  describe(`bus contract: ${driver}`, () => {
    let caller: Bus;
    let callee: Bus;
    let topics = 0;
    let topic: string;
    let contracts: ReturnType<typeof sampleContracts>;

    beforeEach(async () => {
      ({ caller, callee } = await open());
      topics += 1;
      topic = `sample-${process.pid}-${topics}`;
      contracts = sampleContracts(topic);
    });

    afterEach(async () => {
      await caller.close();
      await callee.close();
    });

    const serve = (server: string, ...handlers: RpcHandler[]): Promise<RpcServer> =>
      callee.serve({ topic, server, handlers });
    const add = () => handle(contracts.add, async ({ a, nested }) => ({ sum: a + nested.b }));
    const identify = (server: string) =>
      handle(contracts.whoAmI, async (_, { context }) => ({
        server,
        requestId: context.requestId,
        userId: context.userId ?? null,
      }));

    test("a call brings the handler's response", async () => {
      await serve("hosta", add());
      expect(await caller.call(contracts.add, { a: 1, nested: { b: 2 } })).toEqual({ sum: 3 });
    });

    test("a handler gets the caller's context, and a request id where it gave none", async () => {
      await serve("hosta", identify("hosta"));
      const context = { requestId: "req-1", userId: "admin" };
      expect(await caller.call(contracts.whoAmI, {}, { context })).toEqual({ server: "hosta", ...context });
      const unnamed = await caller.call(contracts.whoAmI, {});
      expect(unnamed.requestId).toMatch(/^req-[0-9a-f-]{36}$/);
      expect(unnamed.userId).toBeNull();
    });

    test("a handler's DroverError arrives with code, message, cause and details", async () => {
      const details = { checks: [{ name: "cpu", ok: false }], host: "hostb" };
      await serve(
        "hosta",
        handle(contracts.add, async () => {
          throw new DroverError("pre-check-failed", "checking vm1", { details, cause: new Error("no such CPU") });
        }),
      );
      const error = await rejection(caller.call(contracts.add, { a: 1, nested: { b: 2 } }));
      expect(error).toMatchObject({ code: "pre-check-failed", message: "checking vm1: no such CPU", details });
    });

    test("any other error of a handler arrives as internal", async () => {
      await serve(
        "hosta",
        handle(contracts.add, async () => {
          throw new TypeError("x is not a function");
        }),
      );
      const error = await rejection(caller.call(contracts.add, { a: 1, nested: { b: 2 } }));
      expect(error).toMatchObject({ code: "internal", message: "x is not a function" });
    });

    test("a request that breaks its schema is refused on either end, naming the field", async () => {
      let ran = false;
      await serve(
        "hosta",
        handle(contracts.add, async () => {
          ran = true;
          return { sum: 0 };
        }),
      );
      const bad = { a: 1, nested: { b: "two" } };
      const checked: Schema<unknown> = contracts.add.request;
      for (const schema of [checked, z.unknown()]) {
        const error = await rejection(caller.call({ ...contracts.add, request: schema }, bad));
        expect(error).toMatchObject({ code: "bad-request", details: { field: "nested.b" } });
        expect(error.message).toContain("`nested.b`");
      }
      expect(ran).toBe(false);
    });

    test("a request that is not a JSON object is refused", async () => {
      await serve("hosta", add());
      const anything = { ...contracts.add, request: z.unknown() };
      expect(await rejection(caller.call(anything, [1]))).toMatchObject({ code: "bad-request" });
      expect(await rejection(caller.call(anything, { a: 1n }))).toMatchObject({ code: "bad-request" });
    });

    test("a response that breaks its schema is the server's bug, or the caller's distrust", async () => {
      const loose = { ...contracts.add, response: z.unknown() };
      const server = await serve(
        "hosta",
        handle({ ...contracts.add, response: z.unknown() }, async () => ({ sum: "3" })),
      );
      const request = { a: 1, nested: { b: 2 } };
      expect(await rejection(caller.call(contracts.add, request))).toMatchObject({
        code: "protocol",
        details: { field: "sum" },
      });
      await server.close();
      const strict: RpcHandler = {
        contract: contracts.add,
        read: (request) => ({ request, run: async () => ({ sum: "3" }) }),
      };
      await serve("hosta", strict);
      expect(await rejection(caller.call(loose, request))).toMatchObject({
        code: "internal",
        details: { field: "sum" },
      });
    });

    test("only what JSON carries passes", async () => {
      await serve(
        "hosta",
        handle({ ...contracts.add, response: z.unknown() }, async () => ({ sum: new Date(0), b: undefined })),
      );
      const loose = { ...contracts.add, response: z.unknown() };
      expect(await caller.call(loose, { a: 1, nested: { b: 2 } })).toEqual({ sum: "1970-01-01T00:00:00.000Z" });
    });

    test("an unknown method is refused by name", async () => {
      await serve("hosta", add());
      const error = await rejection(caller.call(contracts.wait, {}));
      expect(error).toMatchObject({ code: "bad-request", details: { reason: "no-such-method" } });
      expect(error.message).toContain("wait");
    });

    test("a server takes older minor versions, no newer ones, and no other major", async () => {
      await serve("hosta", add());
      const request = { a: 1, nested: { b: 2 } };
      expect(await caller.call({ ...contracts.add, version: "1.0" }, request)).toEqual({ sum: 3 });
      for (const other of ["1.3", "2.0", "0.9"]) {
        const error = await rejection(caller.call({ ...contracts.add, version: other }, request));
        expect(error).toMatchObject({ code: "bad-request", details: { reason: "unsupported-version" } });
      }
    });

    test("a call past its deadline is given up, and its handler told", async () => {
      const told = gate();
      const finish = gate();
      await serve(
        "hosta",
        handle(contracts.wait, async (_, { signal }) => {
          signal.addEventListener("abort", () => told.open());
          await finish.opened;
          return {};
        }),
      );
      const error = await rejection(caller.call(contracts.wait, {}, { deadlineMs: 200 }));
      expect(error).toMatchObject({ code: "deadline-exceeded", details: { deadlineMs: 200 } });
      await told.opened;
      finish.open();
    });

    test("a caller that aborts gets its own reason back", async () => {
      const running = gate();
      const finish = gate();
      await serve(
        "hosta",
        handle(contracts.wait, async () => {
          running.open();
          await finish.opened;
          return {};
        }),
      );
      const abort = new AbortController();
      const call = rejection(caller.call(contracts.wait, {}, { signal: abort.signal }));
      await running.opened;
      abort.abort(new DroverError("refused", "changed my mind"));
      expect(await call).toMatchObject({ code: "refused", message: "changed my mind" });
      const aborted = rejection(caller.call(contracts.wait, {}, { signal: abort.signal }));
      expect(await aborted).toMatchObject({ message: "changed my mind" });
      finish.open();
    });

    test("a call that nobody serves fails at once as agent-unreachable", async () => {
      for (const server of [undefined, "hosta"]) {
        const options = server === undefined ? {} : { server };
        const error = await rejection(caller.call(contracts.wait, {}, options));
        expect(error.code).toBe("agent-unreachable");
      }
    });

    test("a call to a server that has closed is agent-unreachable, though its queue may stay", async () => {
      const server = await serve("hosta", add());
      await caller.call(contracts.add, { a: 1, nested: { b: 2 } }, { server: "hosta" });
      await server.close();
      const error = await rejection(caller.call(contracts.add, { a: 1, nested: { b: 2 } }, { server: "hosta" }));
      expect(error.code).toBe("agent-unreachable");
    });

    test("a cast that no queue takes is agent-unreachable", async () => {
      const error = await rejection(caller.cast(contracts.note, { text: "hello" }, { server: "nowhere" }));
      expect(error.code).toBe("agent-unreachable");
    });

    test("two servers share a topic", async () => {
      await serve("hosta", identify("hosta"));
      await serve("hostb", identify("hostb"));
      const served = new Set<string>();
      for (let call = 0; call < 8; call += 1) served.add((await caller.call(contracts.whoAmI, {})).server);
      expect([...served].sort()).toEqual(["hosta", "hostb"]);
    });

    test("a directed call reaches its server only", async () => {
      await serve("hosta", identify("hosta"));
      await serve("hostb", identify("hostb"));
      for (let call = 0; call < 4; call += 1) {
        expect(await caller.call(contracts.whoAmI, {}, { server: "hostb" })).toMatchObject({ server: "hostb" });
      }
    });

    test("a cast reaches one server, a fanout all of them", async () => {
      const heard: string[] = [];
      const listen = (server: string) =>
        handle(contracts.note, async ({ text }) => {
          heard.push(`${server}:${text}`);
        });
      await serve("hosta", listen("hosta"));
      await serve("hostb", listen("hostb"));
      await caller.cast(contracts.note, { text: "one" }, { server: "hosta" });
      await caller.cast(contracts.note, { text: "any" });
      await caller.cast(contracts.note, { text: "all" }, { fanout: true });
      await vi.waitFor(() => expect(heard).toHaveLength(4));
      expect(heard).toContain("hosta:one");
      expect(heard.filter((line) => line.endsWith(":any"))).toHaveLength(1);
      expect(heard.filter((line) => line.endsWith(":all")).sort()).toEqual(["hosta:all", "hostb:all"]);
    });

    test("a cast whose handler fails is not run for ever", async () => {
      const heard: string[] = [];
      await serve(
        "hosta",
        handle(contracts.note, async ({ text }) => {
          heard.push(text);
          if (text === "bad") throw new Error("cannot");
        }),
      );
      await caller.cast(contracts.note, { text: "bad" });
      await caller.cast(contracts.note, { text: "good" });
      await vi.waitFor(() => expect(heard).toContain("good"));
      await caller.cast(contracts.note, { text: "last" });
      await vi.waitFor(() => expect(heard).toContain("last"));
      expect(heard.filter((text) => text === "bad")).toHaveLength(1);
    });

    test("a closing server tells its handlers and waits for them", async () => {
      const running = gate();
      let ended = false;
      const server = await serve(
        "hosta",
        handle(contracts.wait, async (_, { signal }) => {
          running.open();
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          await new Promise((resolve) => setImmediate(resolve));
          ended = true;
          return {};
        }),
      );
      const call = caller.call(contracts.wait, {});
      await running.opened;
      await server.close();
      expect(ended).toBe(true);
      expect(await call).toEqual({});
    });

    test("closing the bus fails calls under way, and later ones, as unavailable", async () => {
      const running = gate();
      await serve(
        "hosta",
        handle(contracts.wait, async (_, { signal }) => {
          running.open();
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          throw new DroverError("unavailable", "closing");
        }),
      );
      const call = rejection(caller.call(contracts.wait, {}));
      await running.opened;
      await caller.close();
      expect((await call).code).toBe("unavailable");
      expect(caller.status()).toBe("closed");
      expect((await rejection(caller.call(contracts.wait, {}))).code).toBe("unavailable");
      expect((await rejection(caller.cast(contracts.note, { text: "x" }))).code).toBe("unavailable");
    });

    test("a server works on no more than maxInFlight at a time", async () => {
      let running = 0;
      let most = 0;
      const handlers = [
        handle(contracts.wait, async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return {};
        }),
      ];
      await callee.serve({ topic, server: "hosta", handlers, maxInFlight: 3 });
      await Promise.all(Array.from({ length: 30 }, () => caller.call(contracts.wait, {})));
      expect(most).toBe(3);
    });

    test("a thousand calls at once all get their own answer", async () => {
      await serve("hosta", add());
      const calls = Array.from({ length: 1000 }, (_, a) => caller.call(contracts.add, { a, nested: { b: 1 } }));
      const sums = await Promise.all(calls);
      expect(sums.map(({ sum: value }) => value)).toEqual(Array.from({ length: 1000 }, (_, a) => a + 1));
    });
  });
}
