import { expect, test } from "vitest";
import { RecentIds } from "./recent-ids.ts";

test("the oldest id is forgotten first", () => {
  const ids = new RecentIds(2);
  for (const id of ["a", "b", "c"]) ids.add(id);
  expect(["a", "b", "c"].map((id) => ids.has(id))).toEqual([false, true, true]);
});

test("one that is added again counts once, and keeps its age", () => {
  const ids = new RecentIds(2);
  for (const id of ["a", "b", "a", "b", "c"]) ids.add(id);
  expect(["a", "b", "c"].map((id) => ids.has(id))).toEqual([false, true, true]);
});
