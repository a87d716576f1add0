/** What a guest's memory looks like to a migration: how much there is, and how it changes while it is copied. */
export interface MemoryLoad {
  /** Guest RAM, MiB. */
  readonly memoryMiB: number;
  /** The part that is not zeros and so travels in full in the first pass, MiB. */
  readonly touchedMiB: number;
  /** The part the guest keeps writing to, MiB; never more than {@link touchedMiB}. */
  readonly workingSetMiB: number;
  /** How fast it writes pages, MiB/s of whole pages, counting a page again each time it is written. */
  readonly dirtyMiBps: number;
}

export const PAGE_BYTES = 4096;
export const PAGES_PER_MIB = 256;

/**
 * Memory that QEMU migrates beside the guest's own RAM (firmware, option ROMs), MiB: what `memory_total` of a running
 * job says above the guest's size, on a machine without graphics (QEMU 7.2).
 */
export const DEVICE_MEMORY_MIB = 130 / 256;

/**
 * Pages that an otherwise quiet Linux guest writes between two looks at its dirty bitmap: timers, stacks, its console.
 * They are written again and again, so their number hardly grows with time.
 */
const BACKGROUND_PAGES = 130;
const BACKGROUND_PAGES_PER_MS = 2;

/**
 * Distinct pages dirtied by `writes` page writes that sweep over the working set, by a guest that ran for `runningMs`.
 *
 * A sweep touches every page once before it touches any twice, so the count grows with the writes and stops at the
 * working set: 1000 writes over 400 pages dirty 400.
 */
export function distinctDirtyPages(load: MemoryLoad, writes: number, runningMs: number): number {
  const swept = Math.min(load.workingSetMiB * PAGES_PER_MIB, writes);
  return swept + Math.min(BACKGROUND_PAGES, BACKGROUND_PAGES_PER_MS * runningMs);
}

/** Pages set in a bitmap of `population` pages that has `left` set, after `dirtied` distinct ones were set in it. */
export function unionOfPages(population: number, left: number, dirtied: number): number {
  if (left >= population || dirtied >= population) return Math.max(left, dirtied);
  return population - ((population - left) * (population - dirtied)) / population;
}
