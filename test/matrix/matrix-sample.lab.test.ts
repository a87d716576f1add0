/** A fixed covering set of the migration matrix. `npm run matrix` runs all of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellName, SAMPLE } from "./cells.ts";
import { type MatrixPlane, startMatrixPlane } from "./matrix-plane.ts";
import { runCell } from "./run-cell.ts";

describe("a guest moves, or stays, with its memory and all of its disks", () => {
  let matrix: MatrixPlane | undefined;
  beforeAll(async () => {
    matrix = await startMatrixPlane();
  });
  afterAll(async () => {
    await matrix?.[Symbol.asyncDispose]();
    expect(matrix?.chaos.plane.lab.leftovers() ?? []).toEqual([]);
  });

  for (const cell of SAMPLE) {
    it(cellName(cell), { timeout: 200_000 }, async () => {
      if (matrix === undefined) throw new Error("the plane is used before it has started");
      await matrix.chaos.untilWell();
      expect(await runCell(matrix, cell)).toMatchObject({ passed: true, problems: [] });
    });
  }
});
