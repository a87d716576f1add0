import { type Clock, DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { z } from "zod";
import { rejection } from "./bus-contract.ts";
import { defineCall } from "./contract.ts";
import { PendingCalls } from "./pending-calls.ts";

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

/** A clock whose sleeps end when the test says so. */
function heldClock(): Clock & { ring(): void } {
  const sleepers: Array<() => void> = [];
  return {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push(resolve);
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
    ring: () => {
      for (const wake of sleepers.splice(0)) wake();
    },
  };
}

const limits = { remainingMs: 1000, deadlineMs: 1000 };
const reply = (messageId: string, ending = true) => ({ messageId, uniqueId: "u", result: 3, failure: null, ending });

test("the first answer settles a call, any other finds nobody", async () => {
  const pending = new PendingCalls(heldClock());
  const { messageId, response } = pending.add(contract, limits);
  expect(pending.settle(reply(messageId, false))).toBe(true);
  expect(pending.settle(reply(messageId))).toBe(true);
  expect(pending.settle(reply(messageId))).toBe(false);
  expect(await response).toBe(3);
});

test("a deadline ends a call, and its late reply finds nobody", async () => {
  const clock = heldClock();
  const pending = new PendingCalls(clock);
  const { messageId, response } = pending.add(contract, limits);
  clock.ring();
  expect((await rejection(response)).code).toBe("deadline-exceeded");
  expect(pending.settle(reply(messageId))).toBe(false);
});

test("a lost connection tells what was sent from what was not", async () => {
  const pending = new PendingCalls(heldClock());
  const sent = pending.add(contract, limits);
  const unsent = pending.add(contract, limits);
  pending.markSent(sent.messageId);
  pending.failAll((_, wasSent) => new DroverError(wasSent ? "outcome-unknown" : "unavailable", "lost"));
  expect((await rejection(sent.response)).code).toBe("outcome-unknown");
  expect((await rejection(unsent.response)).code).toBe("unavailable");
});

test("more than ten thousand calls are refused", () => {
  const pending = new PendingCalls(heldClock());
  for (let call = 0; call < 10_000; call += 1) pending.add(contract, limits);
  expect(() => pending.add(contract, limits)).toThrow(expect.objectContaining({ code: "unavailable" }));
});
