import type { Clock } from "@drover/model";

/** Deadlines this close together pass together, late rather than early. */
const GRAIN_MS = 10;
/** One sleep of the clock at most: Node takes more than 2^31 - 1 ms for 1 ms. Later deadlines take several sleeps. */
const LONGEST_SLEEP_MS = 24 * 60 * 60 * 1000;
/** A wake that comes so much later than its time, ms, comes after the process stood still. */
const STALL_MS = 100;
/** After so long without a deadline the clock's sleep is ended. Ending it costs an exception: not after each call. */
const IDLE_MS = 50;

/** Returned by {@link Deadlines.set}, for {@link Deadlines.cancel}. */
export interface Deadline {
  readonly tick: number;
  readonly onPassed: () => void;
  cancelled: boolean;
}

/**
 * Many deadlines on one timer. Most are cancelled long before they pass, one for each call and each request, so setting
 * and cancelling must cost next to nothing: cancelling a clock's sleep costs an exception each time, which was half of a
 * call's whole price. Here the clock sleeps once, until the earliest, whatever becomes of it.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #byTick = new Map<number, Set<Deadline>>();
  #sleeping: { readonly untilTick: number; readonly timer: AbortController } | undefined;
  #mayRest = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs `onPassed` once, `afterMs` from now or up to 10 ms later, unless cancelled. It must not throw.
   *
   * @param afterMs Of any length: others may have named it. What is no time, or none ahead, is now.
   */
  set(afterMs: number, onPassed: () => void): Deadline {
    const tick = Math.ceil((this.#clock.monotonicMs() + Math.max(0, afterMs || 0)) / GRAIN_MS);
    const deadline = { tick, onPassed, cancelled: false };
    const together = this.#byTick.get(tick);
    if (together === undefined) this.#byTick.set(tick, new Set([deadline]));
    else together.add(deadline);
    if (this.#sleeping === undefined || tick < this.#sleeping.untilTick) this.#sleepUntil(tick);
    return deadline;
  }

  /** Does nothing for one that has passed. */
  cancel(deadline: Deadline): void {
    deadline.cancelled = true;
    const together = this.#byTick.get(deadline.tick);
    if (together === undefined || !together.delete(deadline) || together.size > 0) return;
    this.#byTick.delete(deadline.tick);
    if (this.#byTick.size === 0) this.#restSoon();
  }

  #sleepUntil(tick: number): void {
    this.#sleeping?.timer.abort();
    const timer = new AbortController();
    const nowMs = this.#clock.monotonicMs();
    const untilTick = Math.min(tick, Math.ceil((nowMs + LONGEST_SLEEP_MS) / GRAIN_MS));
    this.#sleeping = { untilTick, timer };
    this.#clock.sleep(Math.max(0, untilTick * GRAIN_MS - nowMs), timer.signal).then(
      () => this.#wake(untilTick),
      () => {},
    );
  }

  /**
   * A sleep may end a moment early by the clock that measured it; it is believed. After a stall of the process what came in
   * meanwhile is taken first: an answer in the socket cancels the deadline that passed while nobody read it.
   */
  #wake(sleptUntilTick: number, hasLooked = false): void {
    const nowTick = Math.max(sleptUntilTick, Math.floor(this.#clock.monotonicMs() / GRAIN_MS));
    if (!hasLooked && (nowTick - sleptUntilTick) * GRAIN_MS > STALL_MS) {
      setImmediate(() => this.#wake(sleptUntilTick, true));
      return;
    }
    this.#sleeping = undefined;
    // Taken first: what those that pass set anew waits for another wake, also at these very ticks.
    const due = [...this.#byTick].filter(([tick]) => tick <= nowTick).sort(([one], [other]) => one - other);
    for (const [tick] of due) this.#byTick.delete(tick);
    for (const [, together] of due) {
      for (const deadline of together) {
        // One that passed before it may have cancelled it.
        if (!deadline.cancelled) deadline.onPassed();
      }
    }
    if (this.#byTick.size > 0 && this.#sleeping === undefined) this.#sleepUntil(Math.min(...this.#byTick.keys()));
  }

  /** An idle process is not kept alive by a timer; a busy one, which calls again in a moment, goes on sleeping. */
  #restSoon(): void {
    if (this.#mayRest) return;
    this.#mayRest = true;
    const rest = () => {
      this.#mayRest = false;
      if (this.#byTick.size > 0) return;
      this.#sleeping?.timer.abort();
      this.#sleeping = undefined;
    };
    this.#clock.sleep(IDLE_MS).then(rest, rest);
  }
}
