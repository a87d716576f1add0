import { DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { z } from "zod";
import { handle } from "./bus.ts";
import { defineCall, defineCast } from "./contract.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { RequestEnvelope } from "./envelope.ts";
import { RunningRequest } from "./running-request.ts";

const trust = { ownUser: "us", trustedUsers: [] };
const nobody = { user: null, throughExchange: false };
const reply = { messageId: "1", queue: "q", monitorTimeoutSeconds: null };

function serving(method: string, version: string, namespace?: string) {
  const contract = defineCall({
    topic: "t",
    method,
    version,
    ...(namespace === undefined ? {} : { namespace }),
    deadlineMs: 1_000,
    idempotent: method.startsWith("get"),
    access: "read",
    request: z.object({}),
    response: z.string(),
  });
  return handle(contract, async () => `${namespace ?? "-"} ${method} ${version}`);
}

function request(method: string, version: string, namespace?: string): RequestEnvelope {
  const named = namespace === undefined ? {} : { namespace };
  return { method, args: {}, version, uniqueId: "u", context: {}, reply, ...named };
}

const run = (dispatcher: Dispatcher, asked: RequestEnvelope) =>
  dispatcher.run(asked, new RunningRequest(asked, nobody, true));

const dispatcher = new Dispatcher(
  [
    serving("get", "1.4"),
    serving("get", "2.0"),
    serving("get", "1.0", "spaced"),
    serving("start", "1.2"),
    serving("only", "3.0", "spaced"),
  ],
  trust,
);

test.each([
  ["get", "1.0", undefined, "- get 1.4"],
  ["get", "1.4", undefined, "- get 1.4"],
  ["get", "2.0", undefined, "- get 2.0"],
  ["get", "1.0", "spaced", "spaced get 1.0"],
  ["only", "3.0", "spaced", "spaced only 3.0"],
])("%s %s of namespace %s finds %s", async (method, version, namespace, answer) => {
  expect(await run(dispatcher, request(method, version, namespace))).toBe(answer);
});

test.each([
  ["nosuch", "1.0", undefined, "no-such-method"],
  ["only", "1.0", undefined, "no-such-method"],
  ["start", "1.0", "spaced", "no-such-method"],
  ["get", "1.5", undefined, "unsupported-version"],
  ["get", "2.1", undefined, "unsupported-version"],
  ["get", "3.0", undefined, "unsupported-version"],
  ["get", "1.1", "spaced", "unsupported-version"],
  ["get", "1.0", "nowhere", "unsupported-version"],
  ["nosuch", "9.0", undefined, "unsupported-version"],
  ["get", "new", undefined, "unsupported-version"],
  ["get", "", undefined, "unsupported-version"],
  ["get", "1", undefined, "unsupported-version"],
  ["get", "1.-5", undefined, "unsupported-version"],
  ["get", "0x1.0", undefined, "unsupported-version"],
  ["get", "1.2.9", undefined, "unsupported-version"],
  ["get", "1.1e0", undefined, "unsupported-version"],
])("%s %s of namespace %s is refused: %4$s", async (method, version, namespace, reason) => {
  const refused = run(dispatcher, request(method, version, namespace));
  await expect(refused).rejects.toMatchObject({ code: "bad-request", details: { reason, method, version } });
});

test("who may not ask is refused before the handler runs, and after the request was checked", async () => {
  let ran = false;
  const order = defineCast({
    topic: "t",
    method: "order",
    version: "1.0",
    access: "command",
    request: z.strictObject({}),
  });
  const guarded = new Dispatcher(
    [
      handle(order, async () => {
        ran = true;
      }),
    ],
    trust,
  );
  await expect(run(guarded, request("order", "1.0"))).rejects.toMatchObject({ code: "forbidden" });
  const unreadable = { ...request("order", "1.0"), args: { extra: 1 } };
  await expect(run(guarded, unreadable)).rejects.toMatchObject({ code: "bad-request" });
  expect(ran).toBe(false);
});

test("a response is checked when somebody waits for it", async () => {
  const { contract } = serving("get", "1.0");
  const wrong = new Dispatcher([{ contract, read: () => ({ request: {}, run: async () => 7 }) }], trust);
  await expect(run(wrong, request("get", "1.0"))).rejects.toMatchObject({ code: "internal" });
  const { reply: _, ...cast } = request("get", "1.0");
  expect(await run(wrong, cast)).toBeNull();
});

test("what nobody serves may be repeated", () => {
  expect(dispatcher.isIdempotent(request("get", "1.0"))).toBe(true);
  expect(dispatcher.isIdempotent(request("start", "1.0"))).toBe(false);
  expect(dispatcher.isIdempotent(request("nosuch", "1.0"))).toBe(true);
});

test("a call that could be read in part is answered with what is wrong with it", async () => {
  const fault = new DroverError("bad-request", "`args` of a message is not an object");
  await expect(run(dispatcher, { ...request("get", "1.0"), fault })).rejects.toBe(fault);
});
