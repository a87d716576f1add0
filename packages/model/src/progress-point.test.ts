import { expect, it } from "vitest";
import { pointFromText, pointText } from "./progress-point.ts";

const point = {
  ...{ observedAtMs: 1_700_000_000_000, elapsedMs: 1500, phase: "pre-copy" as const, iteration: 3 },
  ...{
    memoryProcessedBytes: 1_099_511_627_776,
    memoryRemainingBytes: 5,
    memoryBytesPerSecond: 6,
    dirtyBytesPerSecond: 7,
  },
  ...{ diskProcessedBytes: 8, diskRemainingBytes: 9, expectedDowntimeMs: 300, downtimeLimitMs: 500 },
  autoConvergeThrottlePercent: 20,
};

it("a point is read as it was written, with what a later release adds, and nothing else is one", () => {
  const text = pointText(point);
  expect(pointFromText(text)).toEqual(point);
  expect(pointFromText(text.replace("]", ",1]"))).toEqual(point);
  for (const other of ["{", "[1]", '{"a":1}', text.replace(/\d+/, '"1"')]) expect(pointFromText(other)).toBeUndefined();
});
