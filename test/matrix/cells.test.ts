import { expect, test } from "vitest";
import { allCells, BOOTS, cellName, impossible, OPERATIONS, SAMPLE, VARIANTS } from "./cells.ts";

test("every combination is a cell with a name of its own, or has a reason not to be one", () => {
  const cells = allCells();
  expect(new Set(cells.map(cellName)).size).toBe(cells.length);
  const all = BOOTS.flatMap((boot) =>
    VARIANTS.flatMap((variant) => OPERATIONS.map((operation) => ({ boot, variant, operation }))),
  );
  expect(cells.length + all.filter((cell) => impossible(cell) !== undefined).length).toBe(all.length);
});

test("the sample has every row and every column, of cells that can be", () => {
  expect(new Set(SAMPLE.map(({ boot }) => boot))).toEqual(new Set(BOOTS));
  expect(new Set(SAMPLE.map(({ variant }) => variant))).toEqual(new Set(VARIANTS));
  expect(new Set(SAMPLE.map(({ operation }) => operation))).toEqual(new Set(OPERATIONS));
  const names = new Set(allCells().map(cellName));
  expect(SAMPLE.map(cellName).filter((name) => !names.has(name))).toEqual([]);
  expect(SAMPLE.length).toBeLessThanOrEqual(14);
});
