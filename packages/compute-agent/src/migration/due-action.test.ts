import { defaultPolicy, type MigrationPolicy } from "@drover/model";
import { expect, test } from "vitest";
import { type CopyFacts, dueAction } from "./due-action.ts";

const facts: CopyFacts = { elapsedMs: 3_200_000, memoryKiB: 4 * 1024 * 1024, postCopy: false, acted: false };

test.each<[string, Partial<CopyFacts>, Partial<MigrationPolicy>, string]>([
  ["at the limit the action is due", {}, {}, "abort"],
  ["just before the limit nothing is", { elapsedMs: 3_199_999 }, {}, "none"],
  ["the policy names the action", {}, { timeoutAction: "force-complete" }, "force-complete"],
  ["it is taken once", { acted: true }, {}, "none"],
  ["in post-copy it is too late", { postCopy: true }, {}, "none"],
  ["0 is no limit", { elapsedMs: 1e12 }, { completionTimeoutSPerGiB: 0 }, "none"],
])("%s", (_, partialFacts, partialPolicy, expected) => {
  expect(dueAction({ ...defaultPolicy, ...partialPolicy }, { ...facts, ...partialFacts })).toBe(expected);
});
