import type { PolicyStep } from "@drover/model";
import { describe, expect, test } from "vitest";
import { dueStep, type ScheduleFacts } from "./due-step.ts";

function step(what: PolicyStep["do"], when: Partial<PolicyStep> = {}): PolicyStep {
  return { do: what, downtimeMs: null, bandwidthMiBps: null, afterSPerGiB: null, stalledIterations: null, ...when };
}

const facts: ScheduleFacts = {
  elapsedMs: 10_000,
  memoryKiB: 4 * 1024 * 1024,
  stalledIterations: 0,
  stepsTaken: 0,
  settled: false,
};
const stalled = step("downtime", { downtimeMs: 500, stalledIterations: 5 });
const schedule = [stalled, step("post-copy", { stalledIterations: 5 }), step("abort")];

describe("dueStep", () => {
  test.each<[string, readonly PolicyStep[], Partial<ScheduleFacts>, string | undefined]>([
    ["an empty schedule asks for nothing", [], { stalledIterations: 99 }, undefined],
    ["nothing before its time", schedule, { stalledIterations: 4 }, undefined],
    ["the first when the copy stalls", schedule, { stalledIterations: 5 }, "downtime"],
    ["each once: then the second waits for its own", schedule, { stepsTaken: 1, stalledIterations: 0 }, undefined],
    ["the second when it stalls again", schedule, { stepsTaken: 1, stalledIterations: 6 }, "post-copy"],
    ["one without a condition at once", schedule, { stepsTaken: 2 }, "abort"],
    ["nothing after the last", schedule, { stepsTaken: 3, stalledIterations: 99 }, undefined],
    ["nothing once it is settled", schedule, { stalledIterations: 9, settled: true }, undefined],
    [
      "by the clock, 4 GiB after 4 times as long",
      [step("abort", { afterSPerGiB: 10 })],
      { elapsedMs: 39_999 },
      undefined,
    ],
    ["and then", [step("abort", { afterSPerGiB: 10 })], { elapsedMs: 40_000 }, "abort"],
    ["a small guest counts as 2 GiB", [step("abort", { afterSPerGiB: 5 })], { memoryKiB: 1 }, "abort"],
    [
      "by either of two",
      [step("abort", { afterSPerGiB: 99, stalledIterations: 2 })],
      { stalledIterations: 2 },
      "abort",
    ],
  ])("%s", (_, steps, partial, expected) => {
    expect(dueStep({ schedule: steps }, { ...facts, ...partial })?.step.do).toBe(expected);
  });

  test("says why, and which it is", () => {
    expect(dueStep({ schedule }, { ...facts, stalledIterations: 7 })).toEqual({
      step: stalled,
      number: 1,
      because: "no headway over 7 passes",
    });
  });
});
