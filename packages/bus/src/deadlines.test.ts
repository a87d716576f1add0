import { systemClock } from "@drover/model";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { settled, TestClock } from "./test-clock.test.support.ts";

test("deadlines pass in their order, each once, never early", async () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const passed: Array<[string, number]> = [];
  const set = (name: string, afterMs: number) => deadlines.set(afterMs, () => passed.push([name, clock.monotonicMs()]));
  set("late", 1_000);
  set("soon", 50);
  set("sooner", 41);
  await clock.pass(40);
  expect(passed).toEqual([]);
  await clock.pass(960);
  expect(passed).toEqual([
    ["soon", 50],
    ["sooner", 50],
    ["late", 1_000],
  ]);
  await clock.pass(10_000);
  expect(passed).toHaveLength(3);
  expect(clock.sleeping).toBe(0);
});

test("a deadline in the past passes at once, but not within `set`", async () => {
  const clock = new TestClock();
  let passed = false;
  new Deadlines(clock).set(-5, () => {
    passed = true;
  });
  expect(passed).toBe(false);
  await clock.pass(0);
  expect(passed).toBe(true);
});

test("one that is cancelled does not pass, also by another that passes with it", async () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const passed: string[] = [];
  const cancelled = deadlines.set(100, () => passed.push("cancelled"));
  deadlines.set(200, () => {
    passed.push("first");
    deadlines.cancel(second);
    deadlines.set(100, () => passed.push("third"));
  });
  const second = deadlines.set(200, () => passed.push("second"));
  deadlines.cancel(cancelled);
  await clock.pass(1_000);
  expect(passed).toEqual(["first", "third"]);
});

test("a thousand deadlines that are set and cancelled cost one sleep, and none is left", async () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  for (let call = 0; call < 1_000; call += 1) {
    deadlines.cancel(deadlines.set(60_000, () => {}));
    await Promise.resolve();
  }
  // The other one waits for the moment to end the first.
  expect(clock.sleeps).toBe(2);
  expect(clock.sleeping).toBe(2);
  await clock.pass(50);
  expect(clock.sleeping).toBe(0);
});

test("a sleep that ends early by the clock is believed, so that nothing spins", async () => {
  const clock = new TestClock();
  let sleeps = 0;
  const early = {
    now: () => clock.now(),
    monotonicMs: () => 0,
    sleep: async () => {
      sleeps += 1;
    },
  };
  let passed = 0;
  new Deadlines(early).set(50, () => {
    passed += 1;
  });
  await settled();
  expect([passed, sleeps]).toEqual([1, 1]);
});

test("one that sets itself again for the same moment lets others have their turn", async () => {
  // A year on, a millisecond more makes no difference to a number: the next is due at once, again and again.
  const clock = new TestClock();
  const deadlines = new Deadlines({ now: () => clock.now(), monotonicMs: () => 1e300, sleep: async () => {} });
  let rounds = 0;
  const again = () => {
    rounds += 1;
    if (rounds > 3 * before) throw new Error("it never ends");
    if (rounds < before) deadlines.set(100, again);
  };
  const before = 5;
  let others = 0;
  deadlines.set(100, again);
  deadlines.set(100, () => {
    others = rounds;
  });
  await settled();
  expect(others).toBe(1);
  expect(rounds).toBe(before);
});

test.each([2 ** 31, 1e308, Number.POSITIVE_INFINITY])(
  "%d ms is slept in parts, and does not pass early",
  async (ms) => {
    const clock = new TestClock();
    const asked: number[] = [];
    const deadlines = new Deadlines({
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (sleepMs, signal) => {
        asked.push(sleepMs);
        return clock.sleep(sleepMs, signal);
      },
    });
    let passedMs = 0;
    deadlines.set(ms, () => {
      passedMs = clock.monotonicMs();
    });
    await clock.pass(2 ** 31 - 10);
    expect(passedMs).toBe(0);
    await clock.pass(20);
    expect(passedMs).toBe(ms === 2 ** 31 ? Math.ceil(ms / 10) * 10 : 0);
    expect(Math.max(...asked)).toBeLessThan(2 ** 31);
    expect(asked.length).toBeLessThan(30);
  },
);

test("what is no time is now", async () => {
  const clock = new TestClock();
  let passed = false;
  new Deadlines(clock).set(Number.NaN, () => {
    passed = true;
  });
  await clock.pass(10);
  expect(passed).toBe(true);
});

test("after a stall of the process what came in meanwhile is heard before a deadline passes", async () => {
  const deadlines = new Deadlines(systemClock);
  const passed: string[] = [];
  const answered = deadlines.set(20, () => passed.push("answered"));
  const late = new Promise<void>((resolve) => deadlines.set(20, resolve));
  // As an answer that lies in the socket.
  setImmediate(() => deadlines.cancel(answered));
  const untilMs = performance.now() + 300;
  while (performance.now() < untilMs);
  await late;
  expect(passed).toEqual([]);
});
