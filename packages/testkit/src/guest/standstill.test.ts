import { expect, test } from "vitest";
import { standstillBetween } from "./standstill.ts";

test("the standstill is how much later beats arrive, whatever single ones were delayed by", () => {
  const before = [
    { guestUs: 100_000, arrivedMs: 1_100.5 },
    { guestUs: 200_000, arrivedMs: 1_200.2 },
    { guestUs: 300_000, arrivedMs: 1_342 },
  ];
  const after = [
    { guestUs: 400_000, arrivedMs: 1_498 },
    { guestUs: 500_000, arrivedMs: 1_570.2 },
  ];
  const { standstillMs, beatsBefore, beatsAfter } = standstillBetween(before, after);
  expect(standstillMs).toBeCloseTo(70, 6);
  expect([beatsBefore, beatsAfter]).toEqual([3, 2]);
});

test("there is no standstill without beats on both sides", () => {
  expect(() => standstillBetween([], [{ guestUs: 1, arrivedMs: 1 }])).toThrow("0 and 1");
});
