import { expect, test } from "vitest";
import { retryDelayMs } from "./broker-link.ts";

test("retries wait 0.1 to 0.2 s at first and 2.5 to 5 s in the end", () => {
  expect([retryDelayMs(1, 0), retryDelayMs(1, 1)]).toEqual([100, 200]);
  expect([retryDelayMs(2, 0), retryDelayMs(2, 1)]).toEqual([200, 400]);
  expect([retryDelayMs(1000, 0), retryDelayMs(1000, 1)]).toEqual([2500, 5000]);
});
