import { describe, expect, test } from "vitest";
import {
  advanceCopy,
  beginCopy,
  type CopyConditions,
  type CopyState,
  expectedDowntimeMs,
  finishCopy,
  lastSync,
  nextSyncMs,
  standstillMs,
  syncCopy,
  transferredBytes,
} from "./copy-model.ts";
import type { MemoryLoad } from "./memory-load.ts";

const MIB = 1_048_576;
const idle: MemoryLoad = { memoryMiB: 256, touchedMiB: 131, workingSetMiB: 64, dirtyMiBps: 0 };

function conditions(change: Partial<CopyConditions> = {}): CopyConditions {
  return {
    load: idle,
    running: true,
    bytesPerMs: (40 * MIB) / 1000,
    linkBytesPerMs: (1000 * MIB) / 1000,
    limited: true,
    downtimeLimitMs: 300,
    autoConverge: null,
    ...change,
  };
}

/** Lets passes follow each other until QEMU would switch over, `passes` at most. */
function copy(given: CopyConditions, passes = 50): CopyState {
  let state = beginCopy(given.load, 0);
  for (let pass = 0; pass < passes && state.phase === "pre-copy"; pass++) {
    state = syncCopy(advanceCopy(state, given, nextSyncMs(state, given)), given);
  }
  return state;
}

describe("the first pass", () => {
  test("starts with every page of the guest and its devices", () => {
    const state = beginCopy(idle, 0);
    expect((state.normalLeft + state.zeroLeft) * 4096).toBe(268_967_936);
    expect(state).toMatchObject({ iteration: 1, normalSent: 0, phase: "pre-copy" });
  });

  test("sends what is not zeros in full and the rest almost for nothing", () => {
    const state = copy(conditions(), 1);
    expect(transferredBytes(state) / MIB).toBeGreaterThan(118);
    expect(transferredBytes(state) / MIB).toBeLessThan(133);
  });

  test("goes on at another bandwidth from where it is", () => {
    const slow = conditions();
    const half = advanceCopy(beginCopy(idle, 0), slow, 1000);
    const fast = conditions({ bytesPerMs: slow.bytesPerMs * 2 });
    expect(nextSyncMs(half, fast)).toBeLessThan(nextSyncMs(half, slow));
    expect(transferredBytes(advanceCopy(half, fast, 1000))).toBe(transferredBytes(half));
  });

  test("never ends on a link that carries nothing", () => {
    expect(nextSyncMs(beginCopy(idle, 0), conditions({ bytesPerMs: 0 }))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("convergence", () => {
  test("of an idle guest takes three looks at the dirty log, as QEMU does", () => {
    const given = conditions();
    const state = lastSync(copy(given), given, "switch-over");
    expect(state.iteration).toBe(3);
    expect(standstillMs(state, given)).toBeLessThan(50);
    const done = finishCopy(state, state.atMs + 1);
    expect(done.normalLeft + done.zeroLeft).toBe(0);
  });

  test("of a guest that dirties half of what the link carries takes passes that grow shorter", () => {
    const state = copy(conditions({ load: { ...idle, dirtyMiBps: 20 } }));
    expect(state.phase).toBe("switch-over");
    expect(state.iteration).toBeGreaterThan(4);
    expect(state.iteration).toBeLessThan(14);
  });

  test("never comes for a guest that dirties more than the link carries", () => {
    const given = conditions({ load: { ...idle, dirtyMiBps: 80 } });
    const state = copy(given);
    expect(state).toMatchObject({ phase: "pre-copy", iteration: 51 });
    expect(expectedDowntimeMs(state, given)).toBeGreaterThan(given.downtimeLimitMs);
    expect(state.leftAtSync / 256).toBeGreaterThan(60);
  });

  test("comes with the next look once that guest is suspended", () => {
    const busy = conditions({ load: { ...idle, dirtyMiBps: 80 } });
    let state = copy(busy, 5);
    const suspended = { ...busy, running: false };
    state = syncCopy(advanceCopy(state, suspended, nextSyncMs(state, suspended)), suspended);
    expect(state.phase).toBe("switch-over");
  });

  test("comes when the downtime limit admits what is left", () => {
    expect(copy(conditions({ load: { ...idle, dirtyMiBps: 80 }, downtimeLimitMs: 3000 })).phase).toBe("switch-over");
  });
});

describe("auto-converge", () => {
  test("slows the guest by 20 % after two periods too dirty and by 10 % more each two further ones", () => {
    const given = conditions({
      load: { ...idle, dirtyMiBps: 80 },
      autoConverge: { initialPercent: 20, incrementPercent: 10 },
    });
    const throttles = Array.from({ length: 8 }, (_, index) => copy(given, index + 1).throttlePercent);
    expect(throttles[0]).toBe(0);
    expect(throttles.filter((percent) => percent > 0)[0]).toBe(20);
    expect(throttles.at(-1)).toBe(40);
  });

  test("brings a guest home that would never converge, and stops at 99 %", () => {
    const load = { ...idle, dirtyMiBps: 60 };
    const given = conditions({ load, autoConverge: { initialPercent: 20, incrementPercent: 10 } });
    const state = copy(given, 200);
    expect(state.phase).toBe("switch-over");
    expect(state.throttlePercent).toBeLessThanOrEqual(99);
  });
});

test("post-copy sends what is left once and counts no more dirty pages", () => {
  const given = conditions({ load: { ...idle, dirtyMiBps: 80 } });
  const state = lastSync(copy(given, 2), given, "post-copy");
  const later = advanceCopy(state, given, nextSyncMs(state, given));
  expect(later.normalLeft).toBeCloseTo(0);
  expect(later.writes).toBe(0);
});
