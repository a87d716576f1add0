const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;

/**
 * How long to wait after so many failures in a row, ms: doubled each time up to five minutes, and then anything from half to
 * all of it, so that receivers which failed together are not tried together.
 *
 * Worked example: after the fourth, 4 to 8 s.
 */
export function retryDelayMs(failures: number, random: () => number = Math.random): number {
  const longestMs = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
  return longestMs * (0.5 + random() / 2);
}
