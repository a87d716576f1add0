import { progressPoint } from "@drover/model";
import { expect, it } from "vitest";
import { snapshotOf } from "./contract/samples.ts";
import { thinHistory, upToNewest } from "./history.ts";

const pointOf = (sequence: number) => progressPoint(snapshotOf("one", sequence));

it("thinned, a history keeps its first and last point and is even between them", () => {
  const points = Array.from({ length: 239 }, (_, n) => pointOf(n));
  const thin = thinHistory(points, 120);
  expect(thin.map(({ elapsedMs }) => elapsedMs / 500)).toEqual(Array.from({ length: 120 }, (_, n) => 2 * n));
  expect(thinHistory(points.slice(0, 120), 120)).toEqual(points.slice(0, 120));
  expect(thinHistory(points.slice(0, 200), 120)).toHaveLength(120);
});

it("ends with the newest numbers, once", () => {
  const newest = snapshotOf("one", 2);
  expect(upToNewest([pointOf(1)], newest)).toEqual([pointOf(1), pointOf(2)]);
  expect(upToNewest([pointOf(1), pointOf(2)], newest)).toEqual([pointOf(1), pointOf(2)]);
  expect(upToNewest([pointOf(1)], null)).toEqual([pointOf(1)]);
});
