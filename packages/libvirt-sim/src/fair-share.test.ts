import fc from "fast-check";
import { expect, test } from "vitest";
import { fairShare } from "./fair-share.ts";

test("what a limited transfer leaves goes to the others", () => {
  expect(fairShare(100, [10, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])).toEqual([10, 45, 45]);
  expect(fairShare(100, [])).toEqual([]);
});

test("shares stay within capacity and limits, and use all that is wanted", () => {
  const limits = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1000, noNaN: true }), limits, (capacity, wanted) => {
      const shares = fairShare(capacity, wanted);
      const used = shares.reduce((sum, share) => sum + share, 0);
      const asked = wanted.reduce((sum, limit) => sum + limit, 0);
      expect(shares.every((share, index) => share <= (wanted[index] ?? 0) + 1e-6)).toBe(true);
      expect(used).toBeCloseTo(Math.min(capacity, asked), 3);
    }),
  );
});
