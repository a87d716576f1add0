import { describe, expect, test } from "vitest";
import { completePolicy, effectivePolicy, type PolicyLayer } from "./effective-policy.ts";
import { defaultPolicy } from "./policy.ts";

const configured: PolicyLayer = { source: "default", values: { ...defaultPolicy, downtimeMs: 400 } };
const host: PolicyLayer = { source: "host h1", values: { bandwidthMiBps: 200, downtimeMs: 300 } };
const metadata: PolicyLayer = { source: "server metadata tier=db", values: { permitPostCopy: true } };
const request: PolicyLayer = { source: "request", values: { downtimeMs: 100, permitPostCopy: undefined } };

describe("effectivePolicy", () => {
  test.each<[string, readonly PolicyLayer[], object, object]>([
    ["without layers everything is built in", [], defaultPolicy, { downtimeMs: "built in", schedule: "built in" }],
    ["the configured default goes over it", [configured], { downtimeMs: 400 }, { downtimeMs: "default" }],
    [
      "a host goes over the default, value by value",
      [configured, host],
      { downtimeMs: 300, bandwidthMiBps: 200, downtimeSteps: 10 },
      { downtimeMs: "host h1", bandwidthMiBps: "host h1", downtimeSteps: "default" },
    ],
    [
      "the request goes over everything, and what it leaves open stays",
      [configured, host, metadata, request],
      { downtimeMs: 100, bandwidthMiBps: 200, permitPostCopy: true },
      { downtimeMs: "request", bandwidthMiBps: "host h1", permitPostCopy: "server metadata tier=db" },
    ],
    [
      "a schedule is one value, and an empty one is a value",
      [configured, { source: "request", values: { schedule: [] } }],
      { schedule: [] },
      { schedule: "request" },
    ],
    [
      "false and 0 are values",
      [configured, { source: "request", values: { permitAutoConverge: false, completionTimeoutSPerGiB: 0 } }],
      { permitAutoConverge: false, completionTimeoutSPerGiB: 0 },
      { permitAutoConverge: "request", completionTimeoutSPerGiB: "request" },
    ],
  ])("%s", (_, layers, policy, origins) => {
    const effective = effectivePolicy(layers);
    expect(effective.policy).toMatchObject(policy);
    expect(effective.origins).toMatchObject(origins);
    expect(Object.keys(effective.origins).sort()).toEqual(Object.keys(defaultPolicy).sort());
  });
});

test("a policy of an earlier release does what that release did", () => {
  const written = { ...defaultPolicy, downtimeMs: 250 };
  const { schedule, postCopyResumeAttempts, ...before } = written;
  expect(completePolicy(before)).toEqual({ ...written, schedule: [], postCopyResumeAttempts: 0 });
  expect(schedule.length + postCopyResumeAttempts).toBeGreaterThan(0);
});
