import type { JobStats } from "@drover/libvirt";
import { DroverError, type MigrationProgress, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { beforeEach, expect, test, vi } from "vitest";
import { ProgressPublisher } from "./progress-publisher.ts";
import { progressSnapshot } from "./progress-snapshot.ts";

const cache = openMemoryProgress({ clock: systemClock, logger: silentLogger });
const publish = vi.spyOn(cache, "publish");
let wake: () => void;
let publisher: ProgressPublisher;

beforeEach(() => {
  publish.mockReset();
  wake = () => {};
  const sleep = () => new Promise<void>((resolve) => (wake = resolve));
  publisher = new ProgressPublisher({ cache, host: "east", logger: silentLogger, clock: { ...systemClock, sleep } });
});

test("what is offered at one tick goes out in one write, the newest of each", async () => {
  for (const snapshot of [numbers("one", 1), numbers("two", 1), numbers("one", 2)]) publisher.offer(snapshot);
  expect(publish).not.toHaveBeenCalled();
  wake();
  await vi.waitFor(() => expect(publish).toHaveBeenCalledTimes(1));
  expect(publish).toHaveBeenCalledWith("east", [numbers("one", 2), numbers("two", 1)]);
});

test("what comes while a write is under way goes out with the next, and nothing twice at once", async () => {
  let answer: () => void = () => {};
  publish.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
  publisher.offer(numbers("one", 1));
  wake();
  await vi.waitFor(() => expect(publish).toHaveBeenCalledTimes(1));
  publisher.offer(numbers("one", 2));
  publisher.offer(numbers("one", 3));
  expect(publish).toHaveBeenCalledTimes(1);
  wake = () => {};
  answer();
  await vi.waitFor(() => {
    wake();
    expect(publish).toHaveBeenCalledTimes(2);
  });
  expect(publish).toHaveBeenLastCalledWith("east", [numbers("one", 3)]);
});

test("a write that fails is not repeated, and the next goes out", async () => {
  publish.mockRejectedValueOnce(new DroverError("unavailable", "Redis is away"));
  publisher.offer(numbers("one", 1));
  wake();
  await vi.waitFor(() => expect(publish).toHaveBeenCalledTimes(1));
  await vi.waitFor(() => {
    publisher.offer(numbers("one", 2));
    wake();
    expect(publish).toHaveBeenCalledTimes(2);
  });
  expect(publish).toHaveBeenLastCalledWith("east", [numbers("one", 2)]);
});

function numbers(migrationUuid: string, sequence: number): MigrationProgress {
  return progressSnapshot({ type: "unbounded" } as JobStats, {
    ...{ migrationUuid, sequence, observedAtMs: 0, downtimeLimitMs: 300, guest: "running" },
  });
}
