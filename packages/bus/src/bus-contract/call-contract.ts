import { DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { z } from "zod";
import { handle, type RpcHandler } from "../bus.ts";
import type { Schema } from "../contract.ts";
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
    const error = await rejection(bed.caller.call(bed.contracts.wait, {}, { deadlineMs: 200 }));
    expect(error).toMatchObject({ code: "deadline-exceeded", details: { deadlineMs: 200 } });
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
}
