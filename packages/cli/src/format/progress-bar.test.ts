import { expect, test } from "vitest";
import { sampleMigration, sampleProgress } from "../testing/sample-views.ts";
import { progressBar } from "./progress-bar.ts";

const plain = { unicode: true, paint: (_state: string, text: string) => text };

test("a wide terminal shows the route, the bar and all numbers", () => {
  const line = progressBar(sampleMigration({ progress: sampleProgress() }), undefined, { ...plain, columns: 120 });
  expect(line).toBe(
    "busy host-1 -> host-2  running  █████████░░░░░░   60 %  812 MiB left  118 MiB/s  dirty 130 MiB/s  pass 3",
  );
});

test("80 columns hold all numbers, the route goes", () => {
  const line = progressBar(sampleMigration({ progress: sampleProgress() }), undefined, { ...plain, columns: 80 });
  expect(line).toBe("busy  running  ████░░   60 %  812 MiB left  118 MiB/s  dirty 130 MiB/s  pass 3");
});

test.each([20, 40, 60, 80, 100, 200])("no line is longer than a terminal of %i columns", (columns) => {
  const server = { uuid: "u", name: "a-guest-with-a-rather-long-name" };
  const migration = sampleMigration({ server, state: "post-copy-paused", progress: sampleProgress() });
  expect(progressBar(migration, undefined, { ...plain, columns }).length).toBeLessThan(columns);
});

test("what was asked comes before the numbers", () => {
  const migration = sampleMigration({ progress: sampleProgress(), abortRequestedAt: "2026-03-01T12:00:00.000Z" });
  expect(progressBar(migration, undefined, { ...plain, columns: 80 })).toContain("60 %  abort asked  812 MiB left");
});

test("rolling back empties the bar; arriving fills it; both without stale numbers", () => {
  const style = { ...plain, unicode: false, columns: 80 };
  const progress = sampleProgress();
  expect(progressBar(sampleMigration({ state: "rolling-back", progress }), undefined, style)).toBe(
    "busy  rolling back  ......    0 %  host-1 -> host-2",
  );
  expect(progressBar(sampleMigration({ state: "post-migrating", progress }), undefined, style)).toBe(
    "busy  post-migrating  ######  100 %  host-1 -> host-2",
  );
});

test("before QEMU has counted the memory there are no numbers to show", () => {
  const migration = sampleMigration({ progress: sampleProgress({ memoryTotalBytes: 0, memoryRemainingBytes: 0 }) });
  expect(progressBar(migration, undefined, { ...plain, columns: 80 })).toBe(
    "busy  running  ░░░░░░    0 %  host-1 -> host-2",
  );
});

test("trouble stands where the numbers were", () => {
  const migration = sampleMigration({ progress: sampleProgress() });
  expect(progressBar(migration, "asking again", { ...plain, columns: 80 })).toContain("60 %  asking again");
});
