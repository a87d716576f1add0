import { type DroverError, isDroverError } from "@drover/model";
import { z } from "zod";
import { handle, type RpcHandler } from "../bus.ts";
import { defineCall, defineCast } from "../contract.ts";

const version = "1.2";
const nothing = z.object({});
const sum = z.object({ sum: z.number() });
const text = z.object({ text: z.string() });

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
    note: defineCast({ topic, version, access: "read", method: "note", request: text }),
    /** For those whom the server trusts. */
    order: defineCast({ topic, version, access: "command", method: "order", request: text }),
    ask: defineCall({ ...common, method: "ask", access: "request", request: nothing, response: nothing }),
    report: defineCall({
      ...common,
      method: "report",
      access: "report",
      request: z.object({ host: z.string() }),
      response: nothing,
      reporter: ({ host }) => host,
    }),
  };
}

export type SampleContracts = ReturnType<typeof sampleContracts>;

export function addHandler({ add }: SampleContracts): RpcHandler {
  return handle(add, async ({ a, nested }) => ({ sum: a + nested.b }));
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
