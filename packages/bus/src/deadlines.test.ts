import { expect, test, vi } from "vitest";
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
  expect(clock.sleeps).toBe(1);
  expect(clock.sleeping).toBe(1);
  await vi.waitFor(() => expect(clock.sleeping).toBe(0));
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
