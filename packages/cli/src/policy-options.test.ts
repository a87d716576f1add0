import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { addPolicyOptions, parseStep, policyOf } from "./policy-options.ts";

function policyFrom(...words: string[]) {
  const command = addPolicyOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(words, { from: "user" });
  return policyOf(command.opts());
}

describe("the options of a policy", () => {
  test("name nothing when nothing is named", () => {
    expect(policyFrom()).toBeUndefined();
  });

  test("are the request's part of the policy", () => {
    const words = ["--downtime-ms", "100", "--no-auto-converge", "--post-copy", "--timeout-action", "force-complete"];
    expect(policyFrom(...words)).toEqual({
      downtimeMs: 100,
      permitAutoConverge: false,
      permitPostCopy: true,
      timeoutAction: "force-complete",
    });
  });

  test("steps keep their order", () => {
    expect(policyFrom("--step", "downtime=500@stalled:5", "--step", "post-copy", "--step", "abort")?.schedule).toEqual([
      { do: "downtime", downtimeMs: 500, stalledIterations: 5 },
      { do: "post-copy" },
      { do: "abort" },
    ]);
  });

  test.each([
    ["auto-converge", /fixed when the copy starts.*permitAutoConverge/],
    ["downtime=fast", /must look like/],
    ["abort=3", /takes no value/],
    ["bandwidth", /needs its MiB\/s/],
    ["reboot", /must be one of/],
  ])("%s is refused with the remedy", (text, message) => {
    expect(() => parseStep(text)).toThrow(message);
  });
});
