import { systemClock } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MigrationSignals, type Waker } from "./migration-signals.ts";

const stop = new AbortController();
let signals: MigrationSignals;
let ended: string[];
beforeEach(() => {
  signals = new MigrationSignals(systemClock, () => undefined);
  ended = [];
});
afterEach(() => {
  for (const uuid of ["low", "old", "young", "high"]) signals.heard(uuid);
});

function waitFor(waker: Waker): void {
  const at = (ms: number) => new Date(ms);
  for (const [uuid, priority, createdAt] of [
    ["low", -1, at(0)],
    ["young", 0, at(2)],
    ["old", 0, at(1)],
    ["high", 5, at(3)],
  ] as const) {
    signals.watch(uuid);
    void signals
      .wait(uuid, 60_000, stop.signal, { wakers: [waker], precedence: { priority, createdAt } })
      .then(() => ended.push(uuid));
  }
}

it("tells the first of those that wait for a slot, and one at a time", async () => {
  waitFor("outgoing of alpha");
  for (const expected of [["high"], ["high", "old"], ["high", "old", "young"]]) {
    signals.wakeFirst("outgoing of alpha");
    await expect.poll(() => ended).toEqual(expected);
  }
  signals.wakeFirst("outgoing of beta");
  signals.wakeFirst("fleet");
  await systemClock.sleep(5);
  expect(ended).toHaveLength(3);
});

it("two slots at once are for two, though the first has not gone on yet", async () => {
  waitFor("fleet");
  signals.wakeFirst("fleet");
  signals.wakeFirst("fleet");
  await expect.poll(() => ended).toEqual(["high", "old"]);
});

it("tells all that wait for a destination, in the order of the queue", async () => {
  waitFor("incoming");
  signals.wake("incoming");
  await expect.poll(() => ended).toEqual(["high", "old", "young", "low"]);
});

it("knows who is the first of those that wait", () => {
  waitFor("outgoing of alpha");
  const high = { priority: 5, createdAt: new Date(3) };
  expect(signals.isFirst("high", high, "outgoing of alpha")).toBe(true);
  expect(signals.isFirst("other", { priority: 5, createdAt: new Date(4) }, "outgoing of alpha")).toBe(false);
  expect(signals.isFirst("other", { priority: 5, createdAt: new Date(4) }, "outgoing of beta")).toBe(true);
});

it("time alone ends only the first one's wait for its turn", async () => {
  for (const [uuid, createdAt] of [
    ["old", new Date(1)],
    ["young", new Date(2)],
  ] as const) {
    signals.watch(uuid);
    const precedence = { priority: 0, createdAt };
    const ms = uuid === "old" ? 60_000 : 2;
    void signals
      .wait(uuid, ms, stop.signal, { wakers: ["fleet"], precedence, turn: "fleet" })
      .then(() => ended.push(uuid));
  }
  await systemClock.sleep(20);
  expect(ended).toEqual([]);
  signals.heard("old");
  await expect.poll(() => ended).toEqual(["old", "young"]);
});

it("a turn ends a wait and no call, a change ends both", async () => {
  signals.watch("old");
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  let call: AbortSignal | undefined;
  const work = signals.interruptible("old", stop.signal, async (signal) => {
    call = signal;
    await over;
  });
  signals.hasItsTurn("old");
  expect(call?.aborted).toBe(false);
  signals.changed("old");
  expect(call?.aborted).toBe(true);
  end();
  await work;
  // What was told while it was at work counts for its next wait.
  await signals.wait("old", 60_000, stop.signal);
  const waiting = signals.wait("old", 60_000, stop.signal);
  signals.hasItsTurn("old");
  await waiting;
});
