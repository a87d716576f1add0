import { setImmediate as turn } from "node:timers/promises";
import { type Clock, silentLogger } from "@drover/model";
import { expect, test } from "vitest";
import { encodeReply } from "../envelope.ts";
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
function lateReplies(...outcomes: PublishOutcome[]) {
  const clock = hastyClock();
  const published: Array<{ queue: string; body: Buffer; atMs: number }> = [];
  const { promise: queued, resolve } = Promise.withResolvers<void>();
  const session = {
    publish: async ({ routingKey, body }: { readonly routingKey: string; readonly body: Buffer }) => {
      const outcome = outcomes[Math.min(published.length, outcomes.length - 1)] ?? "returned";
      published.push({ queue: routingKey, body, atMs: clock.monotonicMs() });
      if (outcome === "queued") resolve();
      return outcome;
    },
  };
  const late = new LateReplies({ link: { session: async () => session }, logger: silentLogger, clock });
  return { late, clock, published, queued };
}

test("an answer is sent again until its queue is there, and then no more", async () => {
  const { late, published, queued } = lateReplies("returned", "returned", "queued");
  late.add("reply_1", answer);
  await queued;
  for (let turns = 0; turns < 5; turns += 1) await turn();
  expect(published.map(({ queue, atMs }) => [queue, atMs])).toEqual([
    ["reply_1", 250],
    ["reply_1", 750],
    ["reply_1", 1750],
  ]);
  expect(published[0]?.body).toBe(answer);
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
