import { expect, test } from "vitest";
import { SeededRandom } from "../seeded-random.ts";
import { allCells, cellName, impossible, PARTS, SAMPLE, STATES } from "./cells.ts";

test("every part in every state is a cell with a name of its own, or has a reason not to be one", () => {
  const cells = allCells();
  const impossibles = PARTS.flatMap((part) => STATES.flatMap((state) => impossible({ part, state }) ?? []));
  expect(cells.length + impossibles.length).toBe(PARTS.length * STATES.length);
  expect(new Set(cells.map(cellName)).size).toBe(cells.length);
});

test("the sample has every state, and cells that can be", () => {
  expect(new Set(SAMPLE.map(({ state }) => state))).toEqual(new Set(STATES));
  const names = new Set(allCells().map(cellName));
  expect(SAMPLE.map(cellName).filter((name) => !names.has(name))).toEqual([]);
  expect(SAMPLE.length).toBeLessThanOrEqual(12);
});

test("a seed decides the order, and no cell gets lost in it", () => {
  const order = (seed: number) => new SeededRandom(seed).shuffled(allCells()).map(cellName);
  expect(order(7)).toEqual(order(7));
  expect(order(7)).not.toEqual(order(8));
  expect(order(7).sort()).toEqual(allCells().map(cellName).sort());
});
