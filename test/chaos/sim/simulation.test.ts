import { afterAll, beforeAll, expect, it } from "vitest";
import { KEPT_SEEDS } from "./kept-seeds.ts";
import { runSeed } from "./run-seed.ts";

/** A few of what `npm run chaos -- --sim --runs 10000` plays. */
const SAMPLE = 60;
const FIRST = 1;

const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

it.each(KEPT_SEEDS)("seed $seed keeps every promise: $why", async ({ seed }) => {
  const { violations } = await runSeed(seed);
  expect(violations).toEqual([]);
});

it(`${SAMPLE} seeds keep every promise`, { timeout: 120_000 }, async () => {
  const broken = [];
  for (let seed = FIRST; seed < FIRST + SAMPLE; seed += 1) {
    for (const { rule, what } of (await runSeed(seed)).violations) broken.push(`seed ${seed}: ${rule}: ${what}`);
  }
  expect(broken).toEqual([]);
});

it("a seed is the same run each time", async () => {
  for (const seed of [3, 7, 11]) {
    const { trace } = await runSeed(seed);
    expect((await runSeed(seed)).trace).toEqual(trace);
  }
});
