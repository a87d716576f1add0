import { silentLogger } from "@drover/model";
import { afterEach, expect, it } from "vitest";
import { startPruning } from "./pruning.ts";

const DAY_MS = 86_400_000;
const START = new Date("2026-06-01T00:00:00.000Z");

/** A clock whose sleeps are over as soon as they are asked for, and are counted. */
function hurriedClock() {
  let nowMs = START.getTime();
  const slept: number[] = [];
  return {
    slept,
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      slept.push(ms);
      nowMs += ms;
    },
  };
}

let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

/** Prunes with a store of so many old migrations, until it has looked `looks` times. */
async function prune(options: {
  days: number;
  old: number;
  looks?: number;
  mine?: boolean;
  broken?: boolean;
  auditDays?: number;
}) {
  const { days, looks = 1, mine = true, broken = false, auditDays = 0 } = options;
  let { old } = options;
  const clock = hurriedClock();
  const asked: { before: Date; limit: number }[] = [];
  const auditBefore: Date[] = [];
  const pruned: number[] = [];
  const enough = Promise.withResolvers<void>();
  let givenBack = 0;
  const service = startPruning({
    clock,
    logger: silentLogger,
    config: { migrations_days: days, audit_days: auditDays },
    onPruned: (_what, count) => pruned.push(count),
    store: {
      migrations: {
        prune: async (before: Date, limit: number) => {
          asked.push({ before, limit });
          if (broken) throw new Error("the database is away");
          const count = Math.min(old, limit);
          old -= count;
          return count;
        },
      },
      audit: {
        prune: async (before: Date) => {
          auditBefore.push(before);
          return 0;
        },
      },
      duties: {
        take: async () => mine,
        giveBack: async () => {
          givenBack += 1;
          if (givenBack === looks) enough.resolve();
        },
      },
    } as unknown as Parameters<typeof startPruning>[0]["store"],
  });
  stop = () => service.stop();
  await enough.promise;
  await service.stop();
  return { asked, auditBefore, pruned, slept: clock.slept };
}

it("deletes in batches what is too old, with a rest between them", async () => {
  const { asked, pruned, slept } = await prune({ days: 90, old: 450 });
  expect(pruned).toEqual([200, 200, 50]);
  expect(slept.slice(0, 3)).toEqual([60_000, 100, 100]);
  const [first] = asked;
  expect(first?.before).toEqual(new Date(START.getTime() + 60_000 - 90 * DAY_MS));
});

it("looks again after an hour, also after a failure", async () => {
  const { asked, slept } = await prune({ days: 1, old: 0, looks: 3, broken: true });
  expect(asked).toHaveLength(3);
  expect(slept.slice(0, 3)).toEqual([60_000, 3_600_000, 3_600_000]);
});

it("keeps for ever what is to be kept for 0 days, and leaves to another conductor what that one does", async () => {
  expect((await prune({ days: 0, old: 10 })).asked).toEqual([]);
  expect((await prune({ days: 90, old: 10, mine: false })).asked).toEqual([]);
});

it("keeps the audit for a time of its own", async () => {
  const { asked, auditBefore } = await prune({ days: 0, old: 10, auditDays: 365 });
  expect(asked).toEqual([]);
  expect(auditBefore).toEqual([new Date(START.getTime() + 60_000 - 365 * DAY_MS)]);
});
