import { DroverError } from "@drover/model";
import { beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { handle, type RpcHandler, type RpcInfo } from "./bus.ts";
import { gate } from "./bus-contract.ts";
import { defineCall, defineCast } from "./contract.ts";
import type { ReplyEnvelope, RequestEnvelope } from "./envelope.ts";
import { recordingLogger } from "./recording-logger.test.support.ts";
import { type Delivery, MAX_TRIES, RequestRunner, type Settlement } from "./request-runner.ts";
import { currentContext } from "./rpc-context.ts";
import { settled, TestClock } from "./test-clock.test.support.ts";

const anything = z.record(z.string(), z.unknown());
const common = { topic: "t", version: "1.0", access: "read", request: anything } as const;
const note = defineCast({ ...common, method: "note" });
const read = defineCall({ ...common, method: "read", deadlineMs: 1_000, idempotent: true, response: z.unknown() });
const start = defineCall({ ...read, method: "start", idempotent: false });
/** All that the waits between tries add up to. */
const ALL_RETRIES_MS = 1_500;

let clock: TestClock;

beforeEach(() => {
  clock = new TestClock();
});

function runnerOf(handlers: readonly RpcHandler[], maxInFlight = 10) {
  const logger = recordingLogger();
  const trust = { ownUser: "us", trustedUsers: [] };
  return { logger, runner: new RequestRunner({ handlers, maxInFlight, trust, logger, clock }) };
}

/** A delivery, and what became of it. */
function delivery(request: Partial<RequestEnvelope>, more: Partial<Delivery> = {}) {
  const seen = { taken: 0, replies: [] as ReplyEnvelope[], settlements: [] as Settlement[] };
  const made: Delivery = {
    request: { method: "note", args: {}, version: "1.0", uniqueId: "u", context: {}, ...request },
    sender: { user: null, throughExchange: false },
    redelivered: false,
    lostTries: 0,
    taken: () => {
      seen.taken += 1;
    },
    reply: (reply) => void seen.replies.push(reply),
    settled: (outcome) => void seen.settlements.push(outcome),
    ...more,
  };
  return { delivery: made, ...seen };
}

function called(method: string, more: Partial<Delivery> = {}, monitorTimeoutSeconds: number | null = null) {
  return delivery({ method, reply: { messageId: "m", queue: "q", monitorTimeoutSeconds } }, more);
}

const failing = (code: "libvirt" | "not-found" | "forbidden", runs: number[]) => async () => {
  runs.push(clock.monotonicMs());
  throw new DroverError(code, "cannot");
};

test("a failing cast is tried after 100, 200, 400 and 800 ms, then parked with its last reason", async () => {
  const runs: number[] = [];
  const { runner } = runnerOf([handle(note, failing("libvirt", runs))]);
  const cast = delivery({});
  runner.accept(cast.delivery);
  await clock.pass(ALL_RETRIES_MS - 1);
  expect(cast.settlements).toEqual([]);
  await clock.pass(1);
  expect(runs).toEqual([0, 100, 300, 700, 1_500]);
  expect(cast.settlements).toEqual([
    { kind: "park", tries: MAX_TRIES, reason: { code: "libvirt", message: "cannot", details: {} } },
  ]);
  expect(cast.replies).toEqual([]);
});

test("between tries a cast holds no slot", async () => {
  const heard: unknown[] = [];
  const { runner } = runnerOf(
    [
      handle(note, async ({ text }) => {
        heard.push(text);
        if (text === "bad") throw new Error("cannot");
      }),
    ],
    1,
  );
  runner.accept(delivery({ args: { text: "bad" } }).delivery);
  runner.accept(delivery({ args: { text: "good" } }).delivery);
  await settled();
  expect(heard).toEqual(["bad", "good"]);
});

test("one that succeeds in the end is done", async () => {
  let tries = 0;
  const { runner } = runnerOf([
    handle(note, async () => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
    }),
  ]);
  const cast = delivery({});
  runner.accept(cast.delivery);
  await clock.pass(ALL_RETRIES_MS);
  expect([tries, cast.settlements]).toEqual([3, [{ kind: "done" }]]);
});

test("tries of servers that died count, and five of them are enough", async () => {
  const runs: number[] = [];
  const { runner } = runnerOf([handle(note, failing("libvirt", runs))]);
  const [fourth, spent] = [delivery({}, { lostTries: 4 }), delivery({}, { lostTries: MAX_TRIES })];
  runner.accept(fourth.delivery);
  runner.accept(spent.delivery);
  await clock.pass(ALL_RETRIES_MS);
  expect(runs).toEqual([0]);
  expect(fourth.settlements).toMatchObject([{ kind: "park", tries: 5, reason: { code: "libvirt" } }]);
  expect(spent.settlements).toMatchObject([{ kind: "park", tries: 5, reason: { code: "outcome-unknown" } }]);
});

test.each([
  ["a final answer", { handler: "not-found", request: {} }, "not-found"],
  ["an unknown method", { handler: "libvirt", request: { method: "nosuch" } }, "bad-request"],
  ["another version", { handler: "libvirt", request: { version: "2.0" } }, "bad-request"],
  ["what must not run twice", { handler: "libvirt", request: { method: "start" } }, "libvirt"],
] as const)("a cast is parked at once for %s", async (_, { handler, request }, code) => {
  const fail = failing(handler, []);
  const { runner } = runnerOf([handle(note, fail), handle(start, fail)]);
  const cast = delivery(request);
  runner.accept(cast.delivery);
  await settled();
  expect(cast.settlements).toMatchObject([{ kind: "park", tries: 1, reason: { code } }]);
});

test("what a sender may not ask for is dropped, and so is a fanout's failing copy", async () => {
  const runs: number[] = [];
  const order = defineCast({ ...common, method: "order", access: "command" });
  const { runner, logger } = runnerOf([
    handle(order, failing("libvirt", runs)),
    handle(note, failing("libvirt", runs)),
  ]);
  const [forbidden, fanout] = [delivery({ method: "order" }), delivery({}, { fanout: true })];
  runner.accept(forbidden.delivery);
  runner.accept(fanout.delivery);
  await clock.pass(ALL_RETRIES_MS);
  expect(forbidden.settlements).toEqual([{ kind: "done" }]);
  expect(fanout.settlements).toEqual([{ kind: "done" }]);
  expect(runs).toEqual([0]);
  expect(logger.lines.map(({ fields }) => fields.code).sort()).toEqual(["forbidden", "libvirt"]);
});

test("closing sends casts back that it cut short, that wait for a slot, or for their next try", async () => {
  const runs: number[] = [];
  const { runner } = runnerOf(
    [
      handle(note, async ({ text }, { signal }) => {
        if (text === "retried") return failing("libvirt", runs)();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return signal.throwIfAborted();
      }),
    ],
    1,
  );
  const casts = ["retried", "cut short", "waiting"].map((text) => delivery({ args: { text } }));
  for (const cast of casts) runner.accept(cast.delivery);
  await settled();
  expect(runner.waiting).toBe(1);
  await runner.close();
  for (const cast of casts) expect(cast.settlements).toEqual([{ kind: "again" }]);
  expect(runs).toEqual([0]);
  expect(clock.sleeping).toBe(0);
  const late = delivery({});
  runner.accept(late.delivery);
  await settled();
  expect(late.settlements).toEqual([{ kind: "again" }]);
});

test("closing lets calls end, answers those that had not begun, and waits 30 s at most", async () => {
  const finish = gate();
  const { runner, logger } = runnerOf([handle(read, () => finish.opened)], 1);
  const [running, waiting] = [called("read"), called("read")];
  runner.accept(running.delivery);
  runner.accept(waiting.delivery);
  await settled();
  let closed = false;
  const closing = runner.close().then(() => {
    closed = true;
  });
  await clock.pass(29_999);
  expect(closed).toBe(false);
  await clock.pass(1);
  await closing;
  expect(logger.lines.map(({ sentence }) => sentence)).toEqual(["handlers did not end; closing without them"]);
  finish.open();
  await settled();
  expect(running.replies).toMatchObject([{ failure: null, ending: true }]);
  expect(waiting.replies).toMatchObject([{ failure: { class: "unavailable" }, ending: true }]);
});

test("a call is taken once, before it runs, and answered once", async () => {
  const call = called("read");
  let takenBefore = false;
  const { runner } = runnerOf([
    handle(read, async () => {
      takenBefore = taken;
      return 7;
    }),
  ]);
  let taken = false;
  runner.accept({
    ...call.delivery,
    taken: () => {
      taken = true;
    },
  });
  await settled();
  expect(takenBefore).toBe(true);
  expect(call.replies).toMatchObject([{ messageId: "m", result: 7, failure: null, ending: true }]);
});

test("an answer that cannot be sent is answered as an error", async () => {
  const call = called("read");
  const { runner } = runnerOf([handle(read, async () => 7)]);
  runner.accept({
    ...call.delivery,
    reply: (reply) => {
      if (reply.failure === null) throw new DroverError("internal", "not JSON");
      call.delivery.reply(reply);
    },
  });
  await settled();
  expect(call.replies).toMatchObject([{ failure: { class: "internal", message: "not JSON" } }]);
});

test("a delivered call that must not run twice is not run again; others are", async () => {
  const { runner } = runnerOf([handle(read, async () => 1), handle(start, async () => 1)]);
  const [again, never] = [called("read", { redelivered: true }), called("start", { redelivered: true })];
  const cast = delivery({ method: "start" }, { lostTries: 1 });
  for (const made of [again, never, cast]) runner.accept(made.delivery);
  await settled();
  expect(again.replies).toMatchObject([{ result: 1 }]);
  expect(never.replies).toMatchObject([{ failure: { class: "outcome-unknown" } }]);
  expect(cast.settlements).toMatchObject([{ kind: "park", reason: { code: "outcome-unknown" } }]);
});

test("a deadline aborts the handler's signal, and a call that waited past its own is not run", async () => {
  const reasons: unknown[] = [];
  const finish = gate();
  const { runner } = runnerOf(
    [
      handle(read, async (_, { signal }) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        await finish.opened;
      }),
    ],
    1,
  );
  const [running, waiting] = [called("read", { expiresInMs: 500 }), called("read", { expiresInMs: 500 })];
  runner.accept(running.delivery);
  runner.accept(waiting.delivery);
  await clock.pass(510);
  expect(reasons).toMatchObject([{ code: "deadline-exceeded" }]);
  finish.open();
  await settled();
  expect(running.replies).toHaveLength(1);
  expect(waiting.replies).toEqual([]);
});

test("a handler that asks for its signal late finds it aborted", async () => {
  const finish = gate();
  let aborted: boolean | undefined;
  const { runner } = runnerOf([
    handle(read, async (_, info) => {
      await finish.opened;
      aborted = info.signal.aborted;
    }),
  ]);
  runner.accept(called("read", { expiresInMs: 100 }).delivery);
  await clock.pass(200);
  finish.open();
  await settled();
  expect(aborted).toBe(true);
});

test("a monitored call shows life at once, then every half of the time, until its answer", async () => {
  const finish = gate();
  const { runner } = runnerOf([handle(read, () => finish.opened)]);
  const call = called("read", {}, 4);
  runner.accept(call.delivery);
  await settled();
  expect(call.replies.map(({ ending }) => ending)).toEqual([false]);
  await clock.pass(4_000);
  expect(call.replies).toHaveLength(3);
  finish.open();
  await clock.pass(60_000);
  expect(call.replies.map(({ ending }) => ending)).toEqual([false, false, false, true]);
});

test("signs of life are not sent more often than every 100 ms", async () => {
  const finish = gate();
  const { runner } = runnerOf([handle(read, () => finish.opened)]);
  const call = called("read", {}, 0);
  runner.accept(call.delivery);
  await clock.pass(1_000);
  expect(call.replies).toHaveLength(11);
  finish.open();
  await settled();
});

test("context and request id are the same for all that one request does", async () => {
  const seen: RpcInfo["context"][] = [];
  const { runner } = runnerOf([
    handle(read, async (_, info) => {
      seen.push(info.context);
      await settled();
      const inherited = currentContext();
      if (inherited !== undefined) seen.push(inherited);
    }),
  ]);
  runner.accept(called("read").delivery);
  await clock.pass(0);
  await settled();
  expect(seen).toHaveLength(2);
  expect(seen[0]?.requestId).toMatch(/^req-/);
  expect(seen[1]).toEqual(seen[0]);
  expect(currentContext()).toBeUndefined();
});

test("a stranger who names a victim's reply queue and a date ahead does not silence the victim", async () => {
  const { runner } = runnerOf([handle(read, async () => "done")]);
  const call = (user: string, aheadMs: number) => {
    const deadline = { sentAtMs: clock.now().getTime() + aheadMs, ttlMs: 1_000 };
    const reply = { messageId: "m", queue: "the victim's", monitorTimeoutSeconds: null };
    return delivery({ method: "read", reply, deadline }, { sender: { user, throughExchange: false } });
  };
  const [before, liar, after] = [call("victim", 0), call("a liar", 3_600_000), call("victim", 0)];
  for (const { delivery: made } of [before, liar, after]) runner.accept(made);
  await settled();
  expect([before, after].map(({ replies }) => replies[0]?.result)).toEqual(["done", "done"]);
});

test("a call that asks for signs of life hardly ever leaves others their deadlines", async () => {
  const opened = gate();
  const { runner } = runnerOf([handle(read, () => opened.opened)]);
  const patient = called("read", {}, 1e308);
  const other = called("read", { expiresInMs: 500 });
  runner.accept(patient.delivery);
  runner.accept(other.delivery);
  await clock.pass(400);
  expect(patient.replies).toMatchObject([{ ending: false }]);
  opened.open();
  await settled();
  expect(other.replies).toMatchObject([{ ending: true, failure: null }]);
  expect(patient.replies).toHaveLength(2);
});

test("a call that could be read in part is answered with the field that could not", async () => {
  const { runner } = runnerOf([handle(read, async () => "done")]);
  const fault = new DroverError("bad-request", "`args` of a message is not an object", { details: { field: "args" } });
  const broken = delivery({
    method: "read",
    reply: { messageId: "m", queue: "q", monitorTimeoutSeconds: null },
    fault,
  });
  runner.accept(broken.delivery);
  await settled();
  expect(broken.replies).toMatchObject([{ messageId: "m", failure: { class: "bad-request", message: fault.message } }]);
});
