import { DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { z } from "zod";
import { rejection } from "./bus-contract.ts";
import { defineCall } from "./contract.ts";
import { PendingCalls } from "./pending-calls.ts";
import { TestClock } from "./test-clock.test.support.ts";

const contract = defineCall({
  topic: "t",
  method: "m",
  version: "1.0",
  deadlineMs: 1000,
  idempotent: false,
  access: "read",
  request: z.object({}),
  response: z.number(),
});

const limits = { remainingMs: 1000, deadlineMs: 1000 };
const reply = (messageId: string, ending = true) => ({ messageId, uniqueId: "u", result: 3, failure: null, ending });

test("the first answer settles a call, any other finds nobody", async () => {
  const pending = new PendingCalls(new TestClock());
  const { messageId, response } = pending.add(contract, limits);
  expect(pending.settle(reply(messageId, false))).toBe(true);
  expect(pending.settle(reply(messageId))).toBe(true);
  expect(pending.settle(reply(messageId))).toBe(false);
  expect(await response).toBe(3);
});

test("a deadline ends a call, and its late reply finds nobody", async () => {
  const clock = new TestClock();
  const pending = new PendingCalls(clock);
  const { messageId, response } = pending.add(contract, limits);
  pending.markSent(messageId);
  await clock.pass(1_000);
  expect((await rejection(response)).code).toBe("deadline-exceeded");
  expect(pending.settle(reply(messageId))).toBe(false);
});

test("a call that the broker never took is unavailable at its deadline", async () => {
  const clock = new TestClock();
  const pending = new PendingCalls(clock);
  const { response } = pending.add(contract, limits);
  await clock.pass(1_000);
  expect(await rejection(response)).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("it was not sent"),
    details: { deadlineMs: 1_000 },
  });
});

test("a monitored call that nobody begins is given up before its deadline, one that was begun is not", async () => {
  const clock = new TestClock();
  const pending = new PendingCalls(clock);
  const long = { ...contract, monitorTimeoutMs: 200, beginsWithinMs: 300 };
  const lost = pending.add(long, limits);
  const begun = pending.add(long, limits);
  for (const { messageId } of [lost, begun]) pending.markSent(messageId);
  for (let passedMs = 0; passedMs < 400; passedMs += 100) {
    pending.settle(reply(begun.messageId, false));
    await clock.pass(100);
  }
  expect(await rejection(lost.response)).toMatchObject({ code: "deadline-exceeded", details: { deadlineMs: 300 } });
  expect(pending.settle(reply(begun.messageId))).toBe(true);
  expect(await begun.response).toBe(3);
});

test("a lost connection tells what was sent from what was not", async () => {
  const pending = new PendingCalls(new TestClock());
  const sent = pending.add(contract, limits);
  const unsent = pending.add(contract, limits);
  pending.markSent(sent.messageId);
  pending.failAll((_, wasSent) => new DroverError(wasSent ? "outcome-unknown" : "unavailable", "lost"));
  expect((await rejection(sent.response)).code).toBe("outcome-unknown");
  expect((await rejection(unsent.response)).code).toBe("unavailable");
});

test("a server that fell silent fails a monitored call, from its first sign of life on", async () => {
  for (const [idempotent, code] of [
    [false, "outcome-unknown"],
    [true, "unavailable"],
  ] as const) {
    const clock = new TestClock();
    const pending = new PendingCalls(clock);
    const monitored = { ...contract, idempotent, monitorTimeoutMs: 2_000 };
    const { messageId, response } = pending.add(monitored, { remainingMs: 60_000, deadlineMs: 60_000 });
    const outcome = rejection(response);
    // A server that never heard of monitoring shows no life: the deadline alone counts.
    await clock.pass(10_000);
    for (let sign = 0; sign < 5; sign += 1) {
      expect(pending.settle(reply(messageId, false))).toBe(true);
      await clock.pass(1_900);
    }
    expect(pending.has(messageId)).toBe(true);
    await clock.pass(110);
    expect(await outcome).toMatchObject({ code, details: { monitorTimeoutMs: 2_000 } });
    expect(pending.settle(reply(messageId, false))).toBe(false);
  }
});

test("a caller's signal is left alone when the call has ended, and no timer stays", async () => {
  const clock = new TestClock();
  const pending = new PendingCalls(clock);
  const abort = new AbortController();
  const { messageId, response } = pending.add(
    { ...contract, monitorTimeoutMs: 2_000 },
    { ...limits, signal: abort.signal },
  );
  pending.settle(reply(messageId, false));
  pending.settle(reply(messageId));
  expect(await response).toBe(3);
  abort.abort();
  await clock.pass(50);
  expect(clock.sleeping).toBe(0);
});
