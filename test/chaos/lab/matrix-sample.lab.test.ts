/** A fixed sample of the reliability matrix, and everything killed at once. `npm run chaos -- --lab` runs all of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellName, SAMPLE } from "./cells.ts";
import { type ChaosPlane, startChaosPlane } from "./chaos-plane.ts";
import { killsAllInTheMiddleOfEight } from "./eight-at-once.ts";
import { runCell } from "./run-cell.ts";

describe("a part that dies under a real migration and comes back", () => {
  let chaos: ChaosPlane | undefined;
  const plane = () => {
    if (chaos === undefined) throw new Error("the plane is used before it has started");
    return chaos;
  };
  beforeAll(async () => {
    chaos = await startChaosPlane();
    // Side by side; the first cell would start one after the other.
    await Promise.all([chaos.guest(), chaos.filler(chaos.plane.source)]);
  });
  afterAll(async () => {
    await chaos?.[Symbol.asyncDispose]();
    expect(chaos?.plane.lab.leftovers() ?? []).toEqual([]);
  });

  for (const cell of SAMPLE) {
    it(`leaves a true record and holds nothing: ${cellName(cell)}`, { timeout: 200_000 }, async () => {
      await plane().untilWell();
      // Between hosts what is lost without a word is soon sent again; a reset ends the copy. From the control plane
      // silence is the worse: nobody is told.
      const cut = cell.part === "network host to host" ? "reset" : "drop";
      const result = await runCell(plane(), cell, { strikeAfterMs: 0, awayMs: 2_000, cut });
      if (!result.passed) await plane().sweep();
      expect(result).toMatchObject({ passed: true, problems: [] });
    });
  }

  killsAllInTheMiddleOfEight(plane);
});
