import { expect, test } from "vitest";
import {
  allCells,
  BOOTS,
  type Cell,
  cellName,
  DANGEROUS_PAIRS,
  impossible,
  OPERATIONS,
  type Pair,
  SAMPLE,
  VARIANTS,
} from "./cells.ts";

const everyCell = BOOTS.flatMap((boot) =>
  VARIANTS.flatMap((variant) => OPERATIONS.map((operation) => ({ boot, variant, operation }))),
);

function has(cell: Cell, pair: Pair): boolean {
  return (Object.keys(pair) as (keyof Cell)[]).every((axis) => cell[axis] === pair[axis]);
}

test("every combination is a cell with a name of its own, or has a reason not to be one", () => {
  const cells = allCells();
  expect(new Set(cells.map(cellName)).size).toBe(cells.length);
  expect(cells.length + everyCell.filter((cell) => impossible(cell) !== undefined).length).toBe(everyCell.length);
});

test("the sample has every row and every column, of cells that can be", () => {
  expect(new Set(SAMPLE.map(({ boot }) => boot))).toEqual(new Set(BOOTS));
  expect(new Set(SAMPLE.map(({ variant }) => variant))).toEqual(new Set(VARIANTS));
  expect(new Set(SAMPLE.map(({ operation }) => operation))).toEqual(new Set(OPERATIONS));
  const names = new Set(allCells().map(cellName));
  expect(SAMPLE.map(cellName).filter((name) => !names.has(name))).toEqual([]);
  expect(SAMPLE.length).toBeLessThanOrEqual(14);
});

test("the sample has every dangerous pair", () => {
  expect(DANGEROUS_PAIRS.filter((pair) => !SAMPLE.some((cell) => has(cell, pair)))).toEqual([]);
});
