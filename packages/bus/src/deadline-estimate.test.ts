import { beforeEach, expect, test } from "vitest";
import { DeadlineEstimate } from "./deadline-estimate.ts";
import type { RequestEnvelope } from "./envelope.ts";
import { TestClock } from "./test-clock.test.support.ts";

const TTL_MS = 1_000;

let clock: TestClock;
let estimate: DeadlineEstimate;

beforeEach(() => {
  clock = new TestClock();
  estimate = new DeadlineEstimate(clock);
});

/** A request as it arrives now, sent so long ago by its sender's clock. */
function request(ageMs: number, queue = "reply_1"): RequestEnvelope {
  return {
    method: "m",
    args: {},
    version: "1.0",
    uniqueId: "u",
    context: {},
    reply: { messageId: "i", queue, monitorTimeoutSeconds: null },
    deadline: { sentAtMs: clock.now().getTime() - ageMs, ttlMs: TTL_MS },
  };
}

const remainingMs = (asked: RequestEnvelope, user: string | null = "us") =>
  estimate.remainingMs(asked, { user, throughExchange: false });

test("what was under way longer than the fastest has so much less left", () => {
  expect(remainingMs(request(20))).toBe(TTL_MS);
  expect(remainingMs(request(320))).toBe(TTL_MS - 300);
  expect(remainingMs(request(5_020))).toBe(TTL_MS - 5_000);
  expect(remainingMs(request(20))).toBe(TTL_MS);
});

test.each([3_600_000, -3_600_000])("a sender's clock that is %d ms off makes no request old or young", (offsetMs) => {
  expect(remainingMs(request(offsetMs))).toBe(TTL_MS);
  expect(remainingMs(request(offsetMs + 400))).toBe(TTL_MS - 400);
});

test("each sender is measured by itself", () => {
  remainingMs(request(0, "reply_1"));
  expect(remainingMs(request(50_000, "reply_2"))).toBe(TTL_MS);
});

test("a faster request than any before shows how old the others were", () => {
  expect(remainingMs(request(900))).toBe(TTL_MS);
  expect(remainingMs(request(100))).toBe(TTL_MS);
  expect(remainingMs(request(900))).toBe(TTL_MS - 800);
});

test("a clock that was set is believed again after two windows, not at once", async () => {
  remainingMs(request(10));
  clock.setWallClock(60_000);
  // Ours was set forward: all requests look a minute old.
  const sentBefore = (ageMs: number) => request(60_000 + ageMs);
  expect(remainingMs(sentBefore(10))).toBeLessThan(0);
  const seen: Array<number | undefined> = [];
  for (let second = 0; second < 25; second += 1) {
    await clock.pass(1_000);
    seen.push(remainingMs(sentBefore(10)));
  }
  expect(seen[5]).toBeLessThan(0);
  expect(seen.at(-1)).toBe(TTL_MS);
});

test("a sender that was silent for long is measured anew", async () => {
  remainingMs(request(0));
  await clock.pass(60_000);
  expect(remainingMs(request(5_000))).toBe(TTL_MS);
});

test("a request without a deadline, or without an answer, has none", () => {
  const { deadline: _deadline, ...endless } = request(0);
  const { reply: _reply, ...cast } = request(0);
  expect(remainingMs(endless)).toBeUndefined();
  expect(remainingMs(cast)).toBeUndefined();
});

test("ten thousand senders are remembered, then the oldest is forgotten", () => {
  remainingMs(request(0, "first"));
  for (let sender = 0; sender < 10_000; sender += 1) remainingMs(request(0, `sender ${sender}`));
  expect(remainingMs(request(500, "sender 9999"))).toBe(TTL_MS - 500);
  expect(remainingMs(request(500, "first"))).toBe(TTL_MS);
});

test("nobody makes another user's requests look old", () => {
  expect(remainingMs(request(20))).toBe(TTL_MS);
  expect(remainingMs(request(-3_600_000), "a liar")).toBe(TTL_MS);
  expect(remainingMs(request(-3_600_000), null)).toBe(TTL_MS);
  expect(remainingMs(request(20))).toBe(TTL_MS);
});

test.each([-9e15, 9e15, Number.NaN])("a request sent %d ms ago is no measure for others", (ageMs) => {
  expect(remainingMs(request(20))).toBe(TTL_MS);
  expect(remainingMs(request(ageMs))).toBe(TTL_MS);
  expect(remainingMs(request(120))).toBe(TTL_MS - 100);
});

test("a request that is of no use any more has passed, one of use for too long has no deadline", () => {
  const lasting = (ttlMs: number) => ({ ...request(0), deadline: { sentAtMs: clock.now().getTime(), ttlMs } });
  expect(remainingMs(lasting(-1))).toBe(-1);
  expect(remainingMs(lasting(1e12))).toBeUndefined();
  expect(remainingMs(lasting(Number.NaN))).toBeUndefined();
});
