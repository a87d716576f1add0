import { setTimeout as delay } from "node:timers/promises";

/** Time as a dependency, so that a test or a simulation can own it. */
export interface Clock {
  /** Wall-clock time: for records and people. It may jump. */
  now(): Date;
  /** Milliseconds from an arbitrary start, never going back: for durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`, of any length; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Node takes longer timers for 1 ms: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    let leftMs = ms;
    for (; leftMs > LONGEST_TIMER_MS; leftMs -= LONGEST_TIMER_MS) {
      await delay(LONGEST_TIMER_MS, undefined, { signal });
    }
    await delay(leftMs, undefined, { signal });
  },
};

/**
 * Waits for `ms`, or until the signal is aborted: then it resolves too, and who waits looks at the signal. For loops that go on
 * until they are stopped.
 */
export async function pause(clock: Pick<Clock, "sleep">, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
