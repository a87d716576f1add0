import type { ObservedGuest } from "@drover/model";
import { expect, it } from "vitest";
import { findingFrom, type HostAnswer } from "./reconcile-migration.ts";

const says = (
  powerState: ObservedGuest["powerState"] | "absent",
  job: "none" | "outgoing" | "incoming" = "none",
  steering = true,
): HostAnswer => ({
  kind: "answered",
  job,
  steering,
  guest:
    powerState === "absent"
      ? null
      : {
          uuid: "6f6e0c5c-0000-4000-8000-000000000001",
          name: "web",
          powerState,
          persistent: true,
          vcpus: 1,
          memoryKiB: 1,
          migrating: job !== "none",
        },
});
const silent: HostAnswer = { kind: "silent", problem: "nobody answers" };

it.each([
  ["silent source", silent, says("running"), "unclear"],
  ["silent destination", says("running"), silent, "unclear"],
  ["still copying", says("running", "outgoing"), says("paused", "incoming"), "stillCopying"],
  ["still copying a suspended guest", says("paused", "outgoing"), says("paused", "incoming"), "stillCopying"],
  ["copying, steered by nobody", says("running", "outgoing", false), says("paused", "incoming"), "unclear"],
  ["post-copy", says("paused", "outgoing"), says("running", "incoming"), "stillPostCopy"],
  ["never left", says("running"), says("absent"), "foundOnSource"],
  ["never left, leftover definition there", says("running"), says("shutoff"), "foundOnSource"],
  ["arrived", says("absent"), says("running"), "foundOnDestination"],
  ["arrived, definition left behind", says("shutoff"), says("paused"), "foundOnDestination"],
  ["switching over", says("shutoff"), says("paused", "incoming"), "unclear"],
  ["nowhere", says("shutoff"), says("absent"), "foundNowhere"],
  ["twice", says("running"), says("running"), "unclear"],
] as const)("%s", (_name, source, destination, expected) => {
  const finding = findingFrom(source, destination, false);
  expect(finding.kind === "proved" ? finding.event : finding.kind).toBe(expected);
});

it.each([
  ["nothing of it there", silent, says("absent"), "foundOnSource"],
  ["a definition there: it may have been brought", silent, says("shutoff"), "unclear"],
  ["arriving", silent, says("paused", "incoming"), "unclear"],
  ["arrived", silent, says("running"), "unclear"],
  ["silent too", silent, silent, "unclear"],
  ["the source answers after all", says("running", "outgoing"), says("absent"), "stillCopying"],
] as const)("its time to begin is over, and the source is silent: %s", (_name, source, destination, expected) => {
  const finding = findingFrom(source, destination, true);
  expect(finding.kind === "proved" ? finding.event : finding.kind).toBe(expected);
});
