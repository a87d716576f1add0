import { expect, test } from "vitest";
import { waitFor } from "./wait-for.ts";

test("the first value that is something is the result, zero and the empty string included", async () => {
  const values = [undefined, null, false, 0];
  expect(await waitFor("a value", () => values.shift(), { intervalMs: 1 })).toBe(0);
});

test("a condition that throws is asked again", async () => {
  let asked = 0;
  const condition = () => {
    asked++;
    if (asked < 3) throw new Error("not yet");
    return asked;
  };
  expect(await waitFor("three questions", condition, { intervalMs: 1 })).toBe(3);
});

test("after the deadline the error names what was waited for and what was seen", async () => {
  await expect(waitFor("rain", () => false, { deadlineMs: 5, intervalMs: 1 })).rejects.toThrow(
    "waited 5 ms for rain; last value: false",
  );
  const failing = () => Promise.reject(new Error("no sky"));
  await expect(waitFor("rain", failing, { deadlineMs: 5, intervalMs: 1 })).rejects.toMatchObject({
    cause: { message: "no sky" },
  });
});
