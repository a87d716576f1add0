import { silentLogger, systemClock } from "@drover/model";
import { expect, it } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { snapshotOf } from "./contract/samples.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { openMemoryProgress } from "./open-memory-progress.ts";

progressContract("memory", async () => {
  const cache = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  return { open: async () => cache };
});

it("progress in memory is gone an hour after its last write", async () => {
  let nowMs = 0;
  const cache = openMemoryProgress({
    clock: { ...systemClock, monotonicMs: () => nowMs },
    logger: silentLogger,
  });
  await cache.publish("east", [snapshotOf("one", 1), snapshotOf("two", 1)]);
  nowMs = EXPIRY_MS - 1;
  await cache.publish("east", [snapshotOf("one", 2)]);
  nowMs = EXPIRY_MS;
  expect(await cache.read(["one", "two"])).toEqual(new Map([["one", snapshotOf("one", 2)]]));
  expect((await cache.changedSince(null)).progress).toEqual([snapshotOf("one", 2)]);
  await cache.close();
});
