import type { Clock } from "@drover/model";
import { expect, it } from "vitest";
import { Allowance } from "./allowance.ts";

function allowance(options: { burst: number; perSecond: number; maxKeys?: number }) {
  const time = { ms: 0 };
  const clock: Clock = { now: () => new Date(0), monotonicMs: () => time.ms, sleep: async () => {} };
  return { time, of: new Allowance({ maxKeys: 10, ...options, clock }) };
}

it("gives so many at once, and then one after the other", () => {
  const { time, of } = allowance({ burst: 3, perSecond: 0.5 });
  expect([1, 2, 3, 4].map(() => of.take("a"))).toEqual([true, true, true, false]);
  expect(of.waitSeconds("a")).toBe(2);
  expect(of.waitSeconds("b")).toBe(0);
  time.ms = 1_999;
  expect(of.take("a")).toBe(false);
  time.ms = 2_000;
  expect(of.waitSeconds("a")).toBe(0);
  expect([of.take("a"), of.take("a")]).toEqual([true, false]);
  time.ms = 1_000_000;
  expect([1, 2, 3, 4].map(() => of.take("a"))).toEqual([true, true, true, false]);
});

it("forgets who was quiet for longest where there are too many", () => {
  const { of } = allowance({ burst: 1, perSecond: 1, maxKeys: 2 });
  expect(["a", "b", "a", "c", "a", "b"].map((key) => of.take(key))).toEqual([true, true, false, true, false, true]);
});
