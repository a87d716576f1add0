import { defaultPolicy, type PostCopyResume } from "@drover/model";
import { expect, test } from "vitest";
import { dueResume, resumeAfter } from "./resume-post-copy.ts";

const BROKEN_AT = 1_000_000;
const policy = { ...defaultPolicy, postCopyResumeAttempts: 3 };

function tried(byPolicy: number, agoMs: number, answer: string | null = "refused"): PostCopyResume {
  const requestedAt = new Date(BROKEN_AT + 100_000 - agoMs).toISOString();
  return { number: byPolicy, byPolicy, requestedAt, requestedBy: "policy", answer };
}

test.each<[string, PostCopyResume | null, number, number, string]>([
  ["a link that has just broken has its time to come back", null, 3, BROKEN_AT + 4_999, "none"],
  ["then the policy asks", null, 3, BROKEN_AT + 5_000, "ask"],
  ["a policy without attempts waits for a person", null, 0, BROKEN_AT + 1e9, "none"],
  ["what is not answered is sent again", tried(1, 1_000, null), 3, BROKEN_AT + 100_000, "send"],
  ["the worked example", tried(1, 20_000), 3, BROKEN_AT + 100_000, "ask"],
  ["not so soon after a refusal", tried(1, 14_999), 3, BROKEN_AT + 100_000, "none"],
  ["and not more often than it may", tried(3, 99_000), 3, BROKEN_AT + 100_000, "none"],
])("%s", (_, resume, postCopyResumeAttempts, nowMs, expected) => {
  expect(dueResume({ resume, policy: { ...policy, postCopyResumeAttempts } }, BROKEN_AT, nowMs)).toBe(expected);
});

test("requests are numbered, and only the policy's count against it", () => {
  const now = new Date(BROKEN_AT);
  const first = resumeAfter(null, now, "policy");
  expect(first).toMatchObject({ number: 1, byPolicy: 1, answer: null });
  expect(resumeAfter(first, now, "alice")).toMatchObject({ number: 2, byPolicy: 1 });
});
