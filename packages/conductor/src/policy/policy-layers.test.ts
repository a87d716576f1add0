import { defaultPolicy, effectivePolicy } from "@drover/model";
import { describe, expect, test } from "vitest";
import { policyConfig, policyFrom, policyRulesFrom } from "./policy-config.ts";
import { policyLayers } from "./policy-layers.ts";

const config = policyConfig.parse({
  live_migration_downtime: 400,
  hosts: { h1: { live_migration_bandwidth: 200 } },
  metadata: [
    { key: "tier", value: "db", policy: { live_migration_permit_post_copy: true, live_migration_downtime: 100 } },
    { key: "site", value: "a", policy: { live_migration_downtime: 150 } },
  ],
});

function effective(sourceHost: string, metadata: Record<string, string>, request = {}) {
  return effectivePolicy(policyLayers(policyFrom(config), policyRulesFrom(config), { sourceHost, metadata, request }));
}

describe("the layers of a policy", () => {
  test.each<[string, string, Record<string, string>, object, object, string]>([
    ["the default alone", "h9", {}, {}, { downtimeMs: 400, bandwidthMiBps: 0 }, "default"],
    ["the source host's", "h1", {}, {}, { downtimeMs: 400, bandwidthMiBps: 200 }, "default"],
    [
      "what the metadata match",
      "h9",
      { tier: "db" },
      {},
      { downtimeMs: 100, permitPostCopy: true },
      "server metadata tier=db",
    ],
    ["another value matches nothing", "h9", { tier: "web" }, {}, { downtimeMs: 400 }, "default"],
    ["the later of two that match", "h9", { site: "a", tier: "db" }, {}, { downtimeMs: 150 }, "server metadata site=a"],
    ["the request's own before all", "h1", { site: "a" }, { downtimeMs: 50 }, { downtimeMs: 50 }, "request"],
    ["a name that every object has is no host", "constructor", {}, {}, { downtimeMs: 400 }, "default"],
  ])("%s", (_, host, metadata, request, policy, downtimeFrom) => {
    const found = effective(host, metadata, request);
    expect(found.policy).toMatchObject(policy);
    expect(found.origins.downtimeMs).toBe(downtimeFrom);
  });
});

describe("[policy]", () => {
  test("without a key is Drover's own", () => {
    expect(policyFrom(policyConfig.parse({}))).toEqual(defaultPolicy);
  });

  test("takes a schedule, its units in its keys' words", () => {
    const schedule = [
      { do: "downtime", downtime: 500, stalled_iterations: 5 },
      { do: "post-copy", after: 60 },
    ];
    expect(policyFrom(policyConfig.parse({ schedule })).schedule).toEqual([
      { do: "downtime", downtimeMs: 500, bandwidthMiBps: null, afterSPerGiB: null, stalledIterations: 5 },
      { do: "post-copy", downtimeMs: null, bandwidthMiBps: null, afterSPerGiB: 60, stalledIterations: null },
    ]);
  });

  test("refuses a start-time choice as a step, and says what to set instead", () => {
    const parsed = policyConfig.safeParse({ schedule: [{ do: "auto-converge" }] });
    expect(parsed.error?.issues[0]?.message).toMatch(/fixed when the copy starts.*permitAutoConverge/);
  });
});
