import { type AgedProgress, type Clock, type MigrationProgress, silentLogger, systemClock } from "@drover/model";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { placesOf, snapshotOf } from "./contract/samples.ts";
import { openMemoryProgress } from "./open-memory-progress.ts";
import type { ProgressCache } from "./progress-cache.ts";
import { startProgressFlush } from "./start-progress-flush.ts";

/** Sleeps until the test lets a tick happen. */
function tickingClock(): Clock & { tick(): void } {
  let wake: () => void = () => {};
  return {
    ...systemClock,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        if (signal?.aborted) reject(signal.reason);
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
    tick: () => wake(),
  };
}

describe("the flush of progress", () => {
  let clock: ReturnType<typeof tickingClock>;
  let cache: ProgressCache;
  let flushed: (readonly MigrationProgress[])[];
  const underWay = vi.fn(async () => placesOf("east", "one", "two"));
  const options = () => ({ cache, underWay, clock, logger: silentLogger });
  const sink = {
    flush: async (progress: readonly AgedProgress[]) => void flushed.push(progress.map(({ snapshot }) => snapshot)),
  };

  beforeEach(() => {
    clock = tickingClock();
    cache = openMemoryProgress({ clock: systemClock, logger: silentLogger });
    flushed = [];
    underWay.mockReset().mockImplementation(async () => placesOf("east", "one", "two"));
  });

  it("takes all changed migrations at once, and makes no call when nothing changed", async () => {
    await cache.publish("east", [snapshotOf("one", 1), snapshotOf("two", 1)]);
    const reads = vi.spyOn(cache, "read");
    const flush = startProgressFlush({ ...options(), sink });
    await vi.waitFor(() => expect(flushed).toEqual([[snapshotOf("one", 1), snapshotOf("two", 1)]]));
    clock.tick();
    await vi.waitFor(() => expect(reads).toHaveBeenCalledTimes(2));
    await cache.publish("east", [snapshotOf("two", 2)]);
    clock.tick();
    await vi.waitFor(() => expect(flushed).toHaveLength(2));
    expect(flushed[1]).toEqual([snapshotOf("two", 2)]);
    await flush.stop();
  });

  it("is one process's at a time, and another's when that one stops or is silent", async () => {
    let holder: string | undefined;
    const dutyOf = (name: string) => ({
      take: async () => {
        holder ??= name;
        return holder === name;
      },
      giveBack: async () => {
        if (holder === name) holder = undefined;
      },
    });
    const told: string[] = [];
    const start = (name: string) => {
      const own = tickingClock();
      const flush = async (progress: readonly AgedProgress[]) => void told.push(`${name}: ${progress.length}`);
      const running = startProgressFlush({ ...options(), clock: own, sink: { flush }, duty: dutyOf(name) });
      return { ...own, running };
    };
    await cache.publish("east", [snapshotOf("one", 1)]);
    const [first, second] = [start("first"), start("second")];
    await vi.waitFor(() => expect(told).toEqual(["first: 1"]));
    await cache.publish("east", [snapshotOf("two", 1)]);
    second.tick();
    first.tick();
    await vi.waitFor(() => expect(told).toEqual(["first: 1", "first: 1"]));
    expect([first.running.flushedAtMs, second.running.flushedAtMs]).toEqual([expect.any(Number), null]);
    await cache.publish("east", [snapshotOf("two", 2)]);
    await first.running.stop();
    second.tick();
    // It does not know what the first one brought, and the store keeps what is newer.
    await vi.waitFor(() => expect(told).toEqual(["first: 1", "first: 1", "first: 1", "second: 2"]));
    await second.running.stop();
  });

  it("loses nothing when the sink fails, and recovers by itself", async () => {
    await cache.publish("east", [snapshotOf("one", 1)]);
    const failing = vi.fn().mockRejectedValueOnce(new Error("away")).mockRejectedValueOnce(new Error("still away"));
    failing.mockImplementation(sink.flush);
    const flush = startProgressFlush({ ...options(), sink: { flush: failing } });
    await vi.waitFor(() => expect(failing).toHaveBeenCalledTimes(1));
    await cache.publish("east", [snapshotOf("two", 1)]);
    clock.tick();
    await vi.waitFor(() => expect(failing).toHaveBeenCalledTimes(2));
    clock.tick();
    await vi.waitFor(() => expect(flushed).toEqual([[snapshotOf("one", 1), snapshotOf("two", 1)]]));
    await flush.stop();
    expect(flushed).toHaveLength(1);
  });

  it("writes no migration that has not changed, and none that is over; thousands in calls of 2,000", async () => {
    const uuids = Array.from({ length: 2001 }, (_, n) => `run-${n}`);
    underWay.mockImplementation(async () => placesOf("east", ...uuids));
    await cache.publish(
      "east",
      uuids.map((uuid) => snapshotOf(uuid, 7)),
    );
    const flush = startProgressFlush({ ...options(), sink });
    await vi.waitFor(() => expect(flushed.map(({ length }) => length)).toEqual([2000, 1]));
    await cache.publish("east", [snapshotOf("run-3", 8), snapshotOf("run-4", 8)]);
    underWay.mockImplementation(async () => placesOf("east", "run-3", "run-5"));
    clock.tick();
    await vi.waitFor(() => expect(flushed.slice(2)).toEqual([[snapshotOf("run-3", 8)]]));
    await flush.stop();
    expect(flushed).toHaveLength(3);
  });

  it("goes on after the cache was away", async () => {
    const away = vi.spyOn(cache, "read").mockRejectedValueOnce(new Error("away"));
    const flush = startProgressFlush({ ...options(), sink });
    await vi.waitFor(() => expect(away).toHaveBeenCalledTimes(1));
    await cache.publish("east", [snapshotOf("one", 1)]);
    clock.tick();
    await vi.waitFor(() => expect(flushed).toHaveLength(1));
    await flush.stop();
  });

  it("never runs twice at once, and stopping waits, then flushes what came last", async () => {
    let release: () => void = () => {};
    let running = 0;
    let most = 0;
    const slow = vi.fn(async (progress: readonly AgedProgress[]) => {
      most = Math.max(most, ++running);
      if (flushed.length === 0) await new Promise<void>((resolve) => (release = resolve));
      running -= 1;
      flushed.push(progress.map(({ snapshot }) => snapshot));
    });
    await cache.publish("east", [snapshotOf("one", 1)]);
    const flush = startProgressFlush({ ...options(), sink: { flush: slow } });
    await vi.waitFor(() => expect(slow).toHaveBeenCalledTimes(1));
    await cache.publish("east", [snapshotOf("one", 2)]);
    clock.tick();
    const stopped = flush.stop();
    release();
    await stopped;
    expect(flushed).toEqual([[snapshotOf("one", 1)], [snapshotOf("one", 2)]]);
    expect(most).toBe(1);
  });
});
