import { expect, it } from "vitest";
import { completionTimeoutMs, defaultPolicy, migrationSizeGiB } from "./policy.ts";
import { memoryPercent } from "./progress.ts";

it("counts at least 2 GiB, as Nova does", () => {
  expect(migrationSizeGiB(512 * 1024)).toBe(2);
  expect(migrationSizeGiB(4 * 1024 * 1024)).toBe(4);
});

it("gives a 4 GiB guest 3200 s, and none when the limit is 0", () => {
  expect(completionTimeoutMs(defaultPolicy, 4 * 1024 * 1024)).toBe(3_200_000);
  expect(completionTimeoutMs({ ...defaultPolicy, completionTimeoutSPerGiB: 0 }, 1024)).toBeUndefined();
});

it("shows percent of memory that need not be sent again", () => {
  expect(memoryPercent({ memoryTotalBytes: 0, memoryRemainingBytes: 0 })).toBe(0);
  expect(memoryPercent({ memoryTotalBytes: 1000, memoryRemainingBytes: 1 })).toBe(99);
  expect(memoryPercent({ memoryTotalBytes: 1000, memoryRemainingBytes: 0 })).toBe(100);
});
