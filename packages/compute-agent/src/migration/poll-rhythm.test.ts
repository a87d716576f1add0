import { systemClock } from "@drover/model";
import { expect, test } from "vitest";
import { PollRhythm } from "./poll-rhythm.ts";

test("copies that begin at any time are looked at together, and none twice at one tick", () => {
  let nowMs = 1_234;
  const rhythm = new PollRhythm({ ...systemClock, monotonicMs: () => nowMs });
  const nextTickAt = (ms: number) => {
    nowMs = 1_234 + ms;
    return ms + rhythm.untilTickMs(500);
  };
  expect([0, 1, 250, 449].map(nextTickAt)).toEqual([500, 500, 500, 500]);
  // A timer that fired early, and a look that took nearly a period.
  expect([499.5, 451].map(nextTickAt)).toEqual([1_000, 1_000]);
  expect(nextTickAt(10_020)).toBe(10_500);
});
