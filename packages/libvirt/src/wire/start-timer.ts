/** Runs `run` once, `ms` from now, unless the function that it returns was called before. */
export type StartTimer = (ms: number, run: () => void) => () => void;

/** A timer takes no more than 2^31 - 1 ms and would fire at once: beyond that nobody waits for it. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** The machine's timers. A clock's `sleep` would cost an exception for every call that is answered in time. */
export const machineTimer: StartTimer = (ms, run) => {
  if (ms > LONGEST_TIMER_MS) return () => {};
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};
