import { silentLogger, systemClock } from "@drover/model";
import { expect, it } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { placesOf, snapshotOf } from "./contract/samples.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { HISTORY_POINTS } from "./history.ts";
import { openMemoryProgress } from "./open-memory-progress.ts";

progressContract("memory", async () => {
  const cache = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  return { open: async () => cache };
});

function cacheAt(time: { nowMs: number }) {
  return openMemoryProgress({ clock: { ...systemClock, monotonicMs: () => time.nowMs }, logger: silentLogger });
}

it("progress in memory is gone an hour after its last write, and says how old it is", async () => {
  const time = { nowMs: 0 };
  const cache = cacheAt(time);
  await cache.publish("east", [snapshotOf("one", 1), snapshotOf("two", 1)]);
  time.nowMs = EXPIRY_MS - 1;
  await cache.publish("east", [snapshotOf("one", 2)]);
  time.nowMs = EXPIRY_MS;
  const read = await cache.read(placesOf("east", "one", "two"));
  expect(read).toEqual(new Map([["one", { snapshot: snapshotOf("one", 2), ageMs: 1 }]]));
  await cache.close();
});

it("a history in memory covers all of a copy of five hours, evenly, with no more points than it may have", async () => {
  const time = { nowMs: 0 };
  const cache = cacheAt(time);
  const TICKS = 36_000;
  for (let tick = 1; tick <= TICKS; tick++) {
    time.nowMs = tick * 500;
    await cache.publish("east", [snapshotOf("one", tick)]);
  }
  const points = (await cache.readHistories(placesOf("east", "one"))).get("one") ?? [];
  expect(points.length).toBeGreaterThanOrEqual(HISTORY_POINTS / 2);
  expect(points.length).toBeLessThanOrEqual(HISTORY_POINTS);
  expect([points[0]?.elapsedMs, points.at(-1)?.elapsedMs]).toEqual([500, TICKS * 500]);
  const gaps = points.slice(1, -1).map(({ elapsedMs }, n) => elapsedMs - (points[n]?.elapsedMs ?? 0));
  expect(new Set(gaps)).toEqual(new Set([128_000]));
  await cache.close();
});
