import { setTimeout as delay } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";

vi.mock("node:timers/promises", () => ({ setTimeout: vi.fn(async () => {}) }));

const LONGEST_TIMER_MS = 2 ** 31 - 1;

test("a sleep longer than any timer is slept in parts, with its signal", async () => {
  const { signal } = new AbortController();
  await systemClock.sleep(2 * LONGEST_TIMER_MS + 5, signal);
  const options = [undefined, { signal }];
  expect(vi.mocked(delay).mock.calls).toEqual([
    [LONGEST_TIMER_MS, ...options],
    [LONGEST_TIMER_MS, ...options],
    [5, ...options],
  ]);
});
