import { expect, test } from "vitest";
import { expectedStandstill } from "./expected-standstill.ts";

const MiB = 1024 * 1024;
const progress = { memoryRemainingBytes: 240 * MiB, diskRemainingBytes: 0, memoryBytesPerSecond: 20 * MiB };
const postCopy = { name: "VIR_MIGRATE_POSTCOPY", reason: "the policy permits it" };

test.each([
  ["what is left, at the rate", progress, [], { method: "pause", postCopyPermitted: false, pauseMs: 12_000 }],
  ["disks count too", { ...progress, diskRemainingBytes: 60 * MiB }, [], { pauseMs: 15_000 }],
  ["without a rate nothing is known", { ...progress, memoryBytesPerSecond: 0 }, [], { pauseMs: null }],
  ["without numbers neither", null, [], { pauseMs: null }],
  ["a copy that may switch does", progress, [postCopy], { method: "post-copy", postCopyPermitted: true }],
  ["a flag that was left out is none", progress, [{ ...postCopy, value: false }], { method: "pause" }],
])("%s", (_, numbers, flags, expected) => {
  expect(expectedStandstill(numbers, flags)).toMatchObject(expected);
});
