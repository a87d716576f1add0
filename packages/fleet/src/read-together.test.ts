import { expect, it, vi } from "vitest";
import { readTogether } from "./read-together.ts";

it("asks once for all that is asked for in one turn, and anew for what comes later", async () => {
  const read = vi.fn(
    async (keys: readonly number[]) => new Map(keys.filter((key) => key < 9).map((key) => [key, key * 10])),
  );
  const one = readTogether((key) => key, read);
  expect(await Promise.all([one(1), one(2), one(1), one(9)])).toEqual([10, 20, 10, undefined]);
  expect(await one(1)).toBe(10);
  expect(read.mock.calls).toEqual([[[1, 2, 9]], [[1]]]);
});

it("fails for all who asked, and not for who comes later", async () => {
  const read = vi.fn(async () => new Map([[1, "one"]])).mockRejectedValueOnce(new Error("away"));
  const one = readTogether((key: number) => key, read);
  const answers = await Promise.allSettled([one(1), one(2)]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await one(1)).toBe("one");
});
