import { type Clock, systemClock } from "@drover/model";
import { expect, test } from "vitest";
import { ConsumerCounts } from "./consumer-counts.ts";

function counted(consumers: () => number) {
  let nowMs = 0;
  let asked = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const ask = async () => {
    asked += 1;
    return consumers();
  };
  return {
    counts: new ConsumerCounts(ask, clock),
    asked: () => asked,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("one call after the other asks each time, so that a server which closed in between is noticed", async () => {
  let consumers = 1;
  const { counts } = counted(() => consumers);
  const ended = counts.begin("q");
  expect(await counts.isServed("q")).toBe(true);
  ended(false);
  consumers = 0;
  counts.begin("q");
  expect(await counts.isServed("q")).toBe(false);
});

test("while another call is under way an answer holds for a second, and no longer", async () => {
  const { counts, asked, pass } = counted(() => 1);
  counts.begin("q");
  await Promise.all([counts.isServed("q"), counts.isServed("q")]);
  pass(999);
  expect(counts.isServed("q")).toBe(true);
  expect(asked()).toBe(1);
  pass(1);
  expect(await counts.isServed("q")).toBe(true);
  expect(asked()).toBe(2);
});

test("a call that failed is reason to ask again, and no consumer is never believed for long", async () => {
  let consumers = 1;
  const { counts, asked } = counted(() => consumers);
  counts.begin("q");
  const failing = counts.begin("q");
  await counts.isServed("q");
  failing(true);
  consumers = 0;
  expect(await counts.isServed("q")).toBe(false);
  consumers = 1;
  expect(await counts.isServed("q")).toBe(true);
  expect(asked()).toBe(3);
});
