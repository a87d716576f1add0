import { setImmediate as turn } from "node:timers/promises";
import { type Clock, DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { encodeReply } from "../envelope.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";
import { LateReplies } from "./late-replies.ts";
import type { PublishOutcome } from "./publisher.ts";

/** Time passes as fast as it is slept. */
function hastyClock(): Clock {
  let nowMs = 0;
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      await turn();
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

const reply = { messageId: "m1", uniqueId: "u1", result: 3, failure: null, ending: true };
const answer = encodeReply(reply);
const signOfLife = encodeReply({ ...reply, result: null, ending: false });

/** Late replies over a broker that gives these outcomes, the last one for ever. */
function lateReplies(...outcomes: (PublishOutcome | "cut")[]) {
  const clock = hastyClock();
  const published: Array<{ queue: string; body: Buffer; atMs: number }> = [];
  const { promise: queued, resolve } = Promise.withResolvers<void>();
  const session = {
    publish: async ({ routingKey, body }: { readonly routingKey: string; readonly body: Buffer }) => {
      const outcome = outcomes[Math.min(published.length, outcomes.length - 1)] ?? "returned";
      published.push({ queue: routingKey, body, atMs: clock.monotonicMs() });
      if (outcome === "queued") resolve();
      if (outcome === "cut") throw new DroverError("unavailable", "the connection broke");
      return outcome;
    },
  };
  const logger = recordingLogger();
  const late = new LateReplies({ link: { session: async () => session }, logger, clock });
  return { late, clock, published, queued, logger };
}

test("an answer is sent again until its queue is there, over the next connection too, and then no more", async () => {
  const { late, published, queued } = lateReplies("returned", "cut", "queued");
  late.add("reply_1", answer);
  await queued;
  for (let turns = 0; turns < 5; turns += 1) await turn();
  expect(published.map(({ queue, atMs }) => [queue, atMs])).toEqual([
    ["reply_1", 250],
    ["reply_1", 750],
    ["reply_1", 1750],
  ]);
  expect(published[0]?.body).toEqual(answer);
});

test("an answer is given up after a minute", async () => {
  const { late, clock, published } = lateReplies("returned");
  late.add("reply_1", answer);
  for (let turns = 0; turns < 200; turns += 1) await turn();
  expect(published.at(-1)?.atMs).toBeGreaterThan(57_000);
  expect(published.at(-1)?.atMs).toBeLessThan(60_000);
  expect(clock.monotonicMs()).toBeLessThan(63_000);
});

test("signs of life are not kept, and nothing is after the end", async () => {
  const { late, published } = lateReplies("returned");
  late.add("reply_1", signOfLife);
  for (let turns = 0; turns < 5; turns += 1) await turn();
  expect(published).toHaveLength(0);
  late.add("reply_1", answer);
  late.close();
  for (let turns = 0; turns < 5; turns += 1) await turn();
  expect(published).toHaveLength(0);
});

test("of large answers only so much is kept, and the log says that the rest was dropped", async () => {
  const { late, published, logger } = lateReplies("queued");
  const large = encodeReply({ ...reply, result: "x".repeat(1024 * 1024) });
  for (let caller = 0; caller < 100; caller += 1) late.add(`reply_${caller}`, large);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(published.length).toBeGreaterThan(20);
  expect(published.length).toBeLessThan(32);
  expect(logger.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  // Room again.
  late.add("reply_1", large);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(published.at(-1)?.queue).toBe("reply_1");
});

test("for one caller no more answers are kept than it can have under way", async () => {
  const { late, published } = lateReplies("queued");
  for (let count = 0; count < 100; count += 1) late.add("reply_1", answer);
  late.add("reply_2", answer);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(published.filter(({ queue }) => queue === "reply_1")).toHaveLength(64);
  expect(published.filter(({ queue }) => queue === "reply_2")).toHaveLength(1);
});
