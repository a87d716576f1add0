import { type Clock, systemClock } from "@drover/model";

/**
 * A clock that goes `times` as fast as the machine's. Whatever shares it keeps its proportions: pauses, periods and limits
 * are all shorter by the same, and nobody seems dead because time made a leap. Only what takes real time, a message or a
 * write, takes longer by it: what has a limit of seconds may be hurried ten times, not a thousand.
 */
export function hurriedClock(times: number): Clock {
  const startMs = systemClock.now().getTime();
  return {
    now: () => new Date(startMs + (systemClock.now().getTime() - startMs) * times),
    monotonicMs: () => systemClock.monotonicMs() * times,
    sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
  };
}
