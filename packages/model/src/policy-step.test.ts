import { expect, test } from "vitest";
import { RUN_TIME_ACTIONS, whyNoStep } from "./policy-step.ts";

test("what can be done while the copy runs is a step", () => {
  for (const action of RUN_TIME_ACTIONS) expect(whyNoStep(action)).toBeUndefined();
});

test.each([
  ["auto-converge", "permitAutoConverge"],
  ["permit-post-copy", "permitPostCopy"],
  ["multifd", "parallelConnections"],
  ["parallel", "parallelConnections"],
  ["compression", "compression"],
])("%s is refused as a step, with the reason and the remedy", (action, field) => {
  expect(whyNoStep(action)).toMatch(/fixed when the copy starts/);
  expect(whyNoStep(action)).toContain(field);
});

test.each(["reboot", 7, null])("%s is no step at all", (action) => {
  expect(whyNoStep(action)).toMatch(/must be one of downtime/);
});
