import { systemClock } from "@drover/model";
import { expect, it } from "vitest";
import { namePatterns } from "./name-filter.ts";

it("cuts patterns off that take for ever, and tries no more of a token's for a while after some of them", () => {
  let monotonicMs = 0;
  const patterns = namePatterns({ ...systemClock, monotonicMs: () => monotonicMs });
  const names = [`${"a".repeat(40)}!`, "web"];
  const slow = () => patterns.matching(names, "(a+)+$", "one");
  for (let n = 0; n < 3; n++) expect(slow).toThrow(/no usable regular expression/);
  expect(slow).toThrow(/too many patterns that took too long: ask again in 10 s/);
  expect(patterns.matching(names, "^w", "another")).toEqual(new Set(["web"]));
  expect(patterns.matching(names, "we", "one")).toEqual(new Set(["web"]));
  monotonicMs = 10_000;
  expect(patterns.matching(names, "^w", "one")).toEqual(new Set(["web"]));
});
