import { defaultPolicy } from "@drover/model";
import { describe, expect, test } from "vitest";
import { downtimeAt, downtimeRamp } from "./downtime-ramp.ts";

const GIB = 1024 * 1024;

describe("downtimeRamp", () => {
  test("the default policy and a 4 GiB guest climb from 50 to 500 ms in steps of 300 s", () => {
    const ramp = downtimeRamp(defaultPolicy, 4 * GIB);
    expect(ramp.map((step) => step.downtimeMs)).toEqual([50, 95, 140, 185, 230, 275, 320, 365, 410, 455, 500]);
    expect(ramp.map((step) => step.afterMs / 1000)).toEqual([
      0, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000,
    ]);
  });

  test("a small guest counts as 2 GiB", () => {
    expect(downtimeRamp(defaultPolicy, GIB / 2)).toEqual(downtimeRamp(defaultPolicy, 2 * GIB));
  });

  test("one step starts at the limit and stays there", () => {
    const ramp = downtimeRamp({ ...defaultPolicy, downtimeSteps: 1 }, GIB);
    expect(ramp.map((step) => step.downtimeMs)).toEqual([500, 500]);
  });

  test("a tiny limit never becomes 0, which libvirt refuses", () => {
    const ramp = downtimeRamp({ ...defaultPolicy, downtimeMs: 1 }, GIB);
    expect(ramp.every((step) => step.downtimeMs === 1)).toBe(true);
  });

  test.each([
    [0, 50],
    [299_999, 50],
    [300_000, 95],
    [2_999_999, 455],
    [3_000_000, 500],
    [90_000_000, 500],
  ])("after %i ms a 4 GiB guest may stand still %i ms", (elapsedMs, downtimeMs) => {
    expect(downtimeAt(downtimeRamp(defaultPolicy, 4 * GIB), elapsedMs)).toBe(downtimeMs);
  });
});
