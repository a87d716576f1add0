import { decodeJobStats, type TypedParam } from "@drover/libvirt";
import { describe, expect, test } from "vitest";
import { isOutgoingMigration, jobStanding } from "./job-reading.ts";
import { progressSnapshot, type SnapshotContext } from "./progress-snapshot.ts";

function bytes(field: string, value: bigint): TypedParam {
  return { field, value: { type: "ullong", value } };
}

function int(field: string, value: number): TypedParam {
  return { field, value: { type: "int", value } };
}

const copying: readonly TypedParam[] = [
  int("operation", 5),
  bytes("time_elapsed", 4210n),
  bytes("memory_total", 554_246_144n),
  bytes("memory_processed", 398_000_000n),
  bytes("memory_remaining", 120_000_000n),
  bytes("memory_bps", 125_000_000n),
  bytes("memory_dirty_rate", 12_000n),
  bytes("memory_page_size", 4096n),
  bytes("memory_iteration", 3n),
  bytes("downtime", 70n),
  int("auto_converge_throttle", 20),
];

const context: SnapshotContext = {
  migrationUuid: "00000000-0000-4000-8000-000000000001",
  sequence: 7,
  observedAtMs: 1_700_000_000_000,
  downtimeLimitMs: 95,
  guest: "running",
};

describe("jobStanding", () => {
  test.each([
    [0, "none"],
    [1, "active"],
    [2, "active"],
    [3, "completed"],
    [4, "failed"],
    [5, "cancelled"],
  ])("libvirt's job type %i is %s", (type, standing) => {
    expect(jobStanding(decodeJobStats(type, []))).toBe(standing);
  });

  test.each([
    [true, "completed"],
    [false, "failed"],
  ])("a job-completed event with success %s is %s", (value, standing) => {
    const params: TypedParam[] = [{ field: "success", value: { type: "boolean", value } }];
    expect(jobStanding(decodeJobStats(undefined, params))).toBe(standing);
  });

  test.each([
    [5, true],
    [4, false],
    [2, false],
    [0, true],
  ])("an active job of operation %i is an outgoing migration: %s", (operation, outgoing) => {
    expect(isOutgoingMigration(decodeJobStats(2, [int("operation", operation)]))).toBe(outgoing);
  });
});

describe("progressSnapshot", () => {
  test("pages become bytes, and what is expected is not what happened", () => {
    expect(progressSnapshot(decodeJobStats(2, copying), context)).toMatchObject({
      phase: "pre-copy",
      elapsedMs: 4210,
      memoryRemainingBytes: 120_000_000,
      dirtyBytesPerSecond: 12_000 * 4096,
      iteration: 3,
      expectedDowntimeMs: 70,
      downtimeLimitMs: 95,
      autoConvergeThrottlePercent: 20,
      downtimeMs: null,
    });
  });

  test("the zeros of the first seconds are the setup, not a stall", () => {
    expect(progressSnapshot(decodeJobStats(2, [int("operation", 5)]), context).phase).toBe("setup");
  });

  test("a job that is over has nothing left and a standstill that happened", () => {
    const progress = progressSnapshot(decodeJobStats(3, copying), context);
    expect(progress).toMatchObject({ phase: "completed", memoryRemainingBytes: 0, downtimeMs: 70 });
  });

  test.each(["paused", "post-copy"] as const)("a guest that is %s says so", (guest) => {
    expect(progressSnapshot(decodeJobStats(2, copying), { ...context, guest }).phase).toBe(guest);
  });
});
