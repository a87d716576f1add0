import { setTimeout } from "node:timers/promises";
import { DroverError } from "@drover/model";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { handle, type RpcContext, type RpcHandler, type RpcInfo } from "../bus.ts";
import type { Schema } from "../contract.ts";
import { MAX_BODY_BYTES } from "../envelope.ts";
import type { ContractBed } from "./contract-bed.ts";
import { addHandler, gate, rejection } from "./sample.ts";

/** One call: what it brings back, and how it says no. */
export function describeCalls(bed: ContractBed): void {
  const identify = (server: string) =>
    handle(bed.contracts.whoAmI, async (_, { context }) => ({
      server,
      requestId: context.requestId,
      userId: context.userId ?? null,
    }));

  test("a call brings the handler's response", async () => {
    await bed.serve("hosta", addHandler(bed.contracts));
    expect(await bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } })).toEqual({ sum: 3 });
  });

  test("a handler gets the caller's context, and a request id where it gave none", async () => {
    await bed.serve("hosta", identify("hosta"));
    const context = { requestId: "req-1", userId: "admin" };
    expect(await bed.caller.call(bed.contracts.whoAmI, {}, { context })).toEqual({ server: "hosta", ...context });
    const unnamed = await bed.caller.call(bed.contracts.whoAmI, {});
    expect(unnamed.requestId).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(unnamed.userId).toBeNull();
  });

  test("a handler's DroverError arrives with code, message, cause and details", async () => {
    const details = { checks: [{ name: "cpu", ok: false }], host: "hostb" };
    await bed.serve(
      "hosta",
      handle(bed.contracts.add, async () => {
        throw new DroverError("pre-check-failed", "checking vm1", { details, cause: new Error("no such CPU") });
      }),
    );
    const error = await rejection(bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } }));
    expect(error).toMatchObject({ code: "pre-check-failed", message: "checking vm1: no such CPU", details });
  });

  test("any other error of a handler arrives as internal", async () => {
    await bed.serve(
      "hosta",
      handle(bed.contracts.add, async () => {
        throw new TypeError("x is not a function");
      }),
    );
    const error = await rejection(bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } }));
    expect(error).toMatchObject({ code: "internal", message: "x is not a function" });
  });

  test("a caller hears of an answer that no message holds", async () => {
    const huge = "x".repeat(MAX_BODY_BYTES);
    const { add } = bed.contracts;
    const failing = handle(add, () => Promise.reject(new DroverError("libvirt", `no: ${huge}`, { details: { huge } })));
    const overflowing = handle({ ...add, method: "overflow", response: z.unknown() }, async () => ({ huge }));
    await bed.serve("hosta", failing, overflowing);
    const request = { a: 1, nested: { b: 2 } };
    const failure = await rejection(bed.caller.call(add, request));
    expect(failure).toMatchObject({ code: "libvirt", message: expect.stringMatching(/^no: x+… \(shortened\)$/) });
    const tooLarge = await rejection(bed.caller.call({ ...add, method: "overflow" }, request));
    expect(tooLarge).toMatchObject({ code: "internal", message: expect.stringContaining("bytes") });
  });

  test("a request that breaks its schema is refused on either end, naming the field", async () => {
    let ran = false;
    await bed.serve(
      "hosta",
      handle(bed.contracts.add, async () => {
        ran = true;
        return { sum: 0 };
      }),
    );
    const bad = { a: 1, nested: { b: "two" } };
    const checked: Schema<unknown> = bed.contracts.add.request;
    for (const schema of [checked, z.unknown()]) {
      const error = await rejection(bed.caller.call({ ...bed.contracts.add, request: schema }, bad));
      expect(error).toMatchObject({ code: "bad-request", details: { field: "nested.b" } });
      expect(error.message).toContain("`nested.b`");
    }
    expect(ran).toBe(false);
  });

  test("a request that is not a JSON object is refused", async () => {
    await bed.serve("hosta", addHandler(bed.contracts));
    const anything = { ...bed.contracts.add, request: z.unknown() };
    expect(await rejection(bed.caller.call(anything, [1]))).toMatchObject({ code: "bad-request" });
    expect(await rejection(bed.caller.call(anything, { a: 1n }))).toMatchObject({ code: "bad-request" });
  });

  test("a response that breaks its schema is the server's bug, or the caller's distrust", async () => {
    const loose = { ...bed.contracts.add, response: z.unknown() };
    const server = await bed.serve(
      "hosta",
      handle({ ...bed.contracts.add, response: z.unknown() }, async () => ({ sum: "3" })),
    );
    const request = { a: 1, nested: { b: 2 } };
    expect(await rejection(bed.caller.call(bed.contracts.add, request))).toMatchObject({
      code: "protocol",
      details: { field: "sum" },
    });
    await server.close();
    const strict: RpcHandler = {
      contract: bed.contracts.add,
      read: (request) => ({ request, run: async () => ({ sum: "3" }) }),
    };
    await bed.serve("hosta", strict);
    expect(await rejection(bed.caller.call(loose, request))).toMatchObject({
      code: "internal",
      details: { field: "sum" },
    });
  });

  test("only what JSON carries passes", async () => {
    await bed.serve(
      "hosta",
      handle({ ...bed.contracts.add, response: z.unknown() }, async () => ({ sum: new Date(0), b: undefined })),
    );
    const loose = { ...bed.contracts.add, response: z.unknown() };
    expect(await bed.caller.call(loose, { a: 1, nested: { b: 2 } })).toEqual({ sum: "1970-01-01T00:00:00.000Z" });
  });

  test("a call past its deadline is given up, and its handler told", async () => {
    const told = gate();
    const finish = gate();
    await bed.serve(
      "hosta",
      handle(bed.contracts.wait, async (_, { signal }) => {
        signal.addEventListener("abort", () => told.open());
        await finish.opened;
        return {};
      }),
    );
    const error = await rejection(bed.caller.call(bed.contracts.wait, {}, { deadlineMs: 2_000 }));
    expect(error).toMatchObject({ code: "deadline-exceeded", details: { deadlineMs: 2_000 } });
    await told.opened;
    finish.open();
  });

  test("a caller that aborts gets its own reason back", async () => {
    const running = gate();
    const finish = gate();
    await bed.serve(
      "hosta",
      handle(bed.contracts.wait, async () => {
        running.open();
        await finish.opened;
        return {};
      }),
    );
    const abort = new AbortController();
    const call = rejection(bed.caller.call(bed.contracts.wait, {}, { signal: abort.signal }));
    await running.opened;
    abort.abort(new DroverError("refused", "changed my mind"));
    expect(await call).toMatchObject({ code: "refused", message: "changed my mind" });
    const aborted = rejection(bed.caller.call(bed.contracts.wait, {}, { signal: abort.signal }));
    expect(await aborted).toMatchObject({ message: "changed my mind" });
    finish.open();
  });

  test("what a handler calls goes out with its own caller's context, unless it says otherwise", async () => {
    const context = { requestId: "req-outer", userId: "admin", projectId: "p1", traceparent: "00-1-2-01" };
    const inner: RpcContext[] = [];
    const { whoAmI, note } = bed.contracts;
    await bed.serve(
      "hosta",
      handle(whoAmI, async () => {
        await bed.callee.cast(note, { text: "by the way" }, { server: "hostb" });
        await bed.callee.call(whoAmI, {}, { server: "hostb", context: { requestId: "req-own" } });
        return bed.callee.call(whoAmI, {}, { server: "hostb" });
      }),
    );
    const remember = async (_: unknown, info: RpcInfo) => void inner.push(info.context);
    await bed.serve(
      "hostb",
      handle(note, remember),
      handle(whoAmI, async (_, info) => {
        await remember(_, info);
        return { server: "hostb", requestId: info.context.requestId, userId: info.context.userId ?? null };
      }),
    );
    const answer = await bed.caller.call(whoAmI, {}, { server: "hosta", context });
    expect(answer).toEqual({ server: "hostb", requestId: "req-outer", userId: "admin" });
    await vi.waitFor(() => expect(inner).toHaveLength(3));
    expect(inner.filter(({ requestId }) => requestId === "req-outer")).toEqual([context, context]);
    expect(inner).toContainEqual({ requestId: "req-own" });
  });

  test("a monitored call may take longer than its server may be silent", async () => {
    await bed.serve(
      "hosta",
      handle(bed.contracts.start, async () => {
        const startedMs = performance.now();
        await vi.waitFor(() => expect(performance.now() - startedMs).toBeGreaterThan(3_000));
        return {};
      }),
    );
    const monitored = { ...bed.contracts.start, monitorTimeoutMs: 2_000 };
    expect(await bed.caller.call(monitored, {})).toEqual({});
  });

  test("a call that waits for a slot past its deadline is not run", async () => {
    const running = gate();
    const finish = gate();
    let added = 0;
    const busy = handle(bed.contracts.wait, async () => {
      running.open();
      await finish.opened;
      return {};
    });
    const add = handle(bed.contracts.add, async ({ a, nested }) => {
      added += 1;
      return { sum: a + nested.b };
    });
    await bed.serveWith({ server: "hosta", handlers: [busy, add], maxInFlight: 1 });
    const sentMs = performance.now();
    const first = bed.caller.call(bed.contracts.wait, {});
    await running.opened;
    const wayMs = performance.now() - sentMs;
    const request = { a: 1, nested: { b: 2 } };
    const error = await rejection(bed.caller.call(bed.contracts.add, request, { deadlineMs: 300 }));
    expect(error.code).toBe("deadline-exceeded");
    // The server takes the fastest way of a request so far for the difference of the clocks.
    await setTimeout(wayMs + 50);
    finish.open();
    expect(await first).toEqual({});
    expect(await bed.caller.call(bed.contracts.add, request)).toEqual({ sum: 3 });
    expect(added).toBe(1);
  });

  test("whoever has our own credentials may ask for anything", async () => {
    const { order, ask, report } = bed.contracts;
    const obeyed: string[] = [];
    await bed.serve(
      "hosta",
      handle(order, async ({ text }) => void obeyed.push(text)),
      handle(ask, async () => ({})),
      handle(report, async () => ({})),
    );
    expect(await bed.caller.call(ask, {})).toEqual({});
    expect(await bed.caller.call(report, { host: "hosta" })).toEqual({});
    await bed.caller.cast(order, { text: "go" }, { server: "hosta" });
    await vi.waitFor(() => expect(obeyed).toEqual(["go"]));
  });
}
