import type { MigrationView, ProgressView } from "@drover/api-client";
import { COPYING } from "@drover/model";
import { percentDone, routeWords, stateWords } from "./migration-words.ts";
import { printable } from "./printable.ts";
import { formatBytes, formatRate } from "./quantity.ts";

/**
 * The numbers of a copy worth watching, most telling first; empty where they mean nothing (nothing is being copied, or
 * what was copied is being thrown away, or QEMU has not counted the guest's memory yet).
 */
export function progressNumbers({ state, progress }: MigrationView): readonly string[] {
  if (progress === null || progress.memoryTotalBytes === 0 || !COPYING.has(state)) return [];
  return [
    `${formatBytes(progress.memoryRemainingBytes)} left`,
    formatRate(progress.memoryBytesPerSecond),
    ...(state === "running" ? beforeSwitchOver(progress) : []),
    ...(progress.diskRemainingBytes > 0 ? [`disk ${formatBytes(progress.diskRemainingBytes)} left`] : []),
  ];
}

/** After the switch-over the source's memory stands still: nothing is dirtied and there are no more passes. */
function beforeSwitchOver(progress: ProgressView): readonly string[] {
  const throttle = progress.autoConvergeThrottlePercent;
  return [
    `dirty ${formatRate(progress.dirtyBytesPerSecond)}`,
    `pass ${progress.iteration}`,
    ...(throttle > 0 ? [`slowed ${throttle} %`] : []),
  ];
}

/** What was asked of the migration and is not settled yet, and why it waits. */
export function pendingWords(migration: MigrationView): readonly string[] {
  if (migration.abortRequestedAt !== null && COPYING.has(migration.state)) return ["abort asked"];
  if (migration.forceCompleteRequestedAt !== null && migration.state === "running") return ["force asked"];
  return migration.state === "queued" && migration.reason !== null ? [migration.reason] : [];
}

/** `busy: running, host-1 -> host-2, 42 %, 812 MiB left, 118 MiB/s, dirty 130 MiB/s, pass 3`. */
export function progressLine(migration: MigrationView): string {
  const numbers = progressNumbers(migration);
  return printable(
    [
      `${migration.server.name}: ${stateWords(migration.state)}`,
      routeWords(migration),
      ...(numbers.length > 0 ? [`${percentDone(migration)} %`] : []),
      ...numbers,
      ...pendingWords(migration),
    ].join(", "),
  );
}
