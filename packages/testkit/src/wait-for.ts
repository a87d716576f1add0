import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { TestkitError } from "./testkit-error.ts";

/** How long and how often {@link waitFor} looks. */
export interface WaitOptions {
  /** Give up after this many milliseconds. @default 30000 */
  readonly deadlineMs?: number;
  /** Pause between two looks, in milliseconds. @default 50 */
  readonly intervalMs?: number;
  /** Stops the wait early; the rejection's cause is the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves with the first value of `condition` that is neither `false`, `undefined` nor `null`.
 *
 * A condition that throws counts as "not yet": the last error becomes the cause of the final one. The deadline is
 * checked between looks, so a condition that never settles is the caller's to bound.
 *
 * @param description What is waited for, as a sentence without a capital: "the guest's counter to pass 10".
 * @throws {TestkitError} after the deadline, naming the description and the last value seen.
 */
export async function waitFor<T>(
  description: string,
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const { deadlineMs = 30_000, intervalMs = 50, signal } = options;
  const startMs = performance.now();
  for (;;) {
    let last: unknown;
    let cause: unknown;
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null) {
        return value as Exclude<T, false | undefined | null>;
      }
      last = value;
    } catch (error) {
      cause = error;
    }
    if (signal?.aborted) {
      throw new TestkitError(`stopped waiting for ${description}`, { cause: signal.reason });
    }
    if (performance.now() - startMs >= deadlineMs) {
      const seen = cause === undefined ? `last value: ${inspect(last)}` : "the last look failed";
      throw new TestkitError(`waited ${deadlineMs} ms for ${description}; ${seen}`, { cause, details: { last } });
    }
    await delay(intervalMs);
  }
}
