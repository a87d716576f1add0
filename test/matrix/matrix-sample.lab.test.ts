/** A fixed covering set of the migration matrix. `npm run matrix` runs all of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChaosPlane, startChaosPlane } from "../chaos/lab/chaos-plane.ts";
import { cellName, SAMPLE } from "./cells.ts";
import { runCell } from "./run-cell.ts";

describe("a guest moves, or stays, with its memory and all of its disks", () => {
  let chaos: ChaosPlane | undefined;
  beforeAll(async () => {
    chaos = await startChaosPlane();
  });
  afterAll(async () => {
    await chaos?.[Symbol.asyncDispose]();
    expect(chaos?.plane.lab.leftovers() ?? []).toEqual([]);
  });

  for (const [index, cell] of SAMPLE.entries()) {
    it(cellName(cell), { timeout: 200_000 }, async () => {
      if (chaos === undefined) throw new Error("the plane is used before it has started");
      await chaos.untilWell();
      expect(await runCell(chaos, cell, index)).toMatchObject({ passed: true, problems: [] });
    });
  }
});
