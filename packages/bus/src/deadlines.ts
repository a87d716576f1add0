import type { Clock } from "@drover/model";

/** Deadlines this close together pass together, late rather than early. */
const GRAIN_MS = 10;
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

  /** Runs `onPassed` once, `afterMs` from now or up to 10 ms later, unless cancelled. It must not throw. */
  set(afterMs: number, onPassed: () => void): Deadline {
    const tick = Math.ceil((this.#clock.monotonicMs() + Math.max(0, afterMs)) / GRAIN_MS);
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
    if (together === undefined) return;
    together.delete(deadline);
    if (together.size > 0) return;
    this.#byTick.delete(deadline.tick);
    if (this.#byTick.size === 0) this.#restSoon();
  }

  #sleepUntil(tick: number): void {
    this.#sleeping?.timer.abort();
    const timer = new AbortController();
    this.#sleeping = { untilTick: tick, timer };
    this.#clock.sleep(Math.max(0, tick * GRAIN_MS - this.#clock.monotonicMs()), timer.signal).then(
      () => this.#wake(tick),
      () => {},
    );
  }

  /** A sleep may end a moment early by the clock that measured it; it is believed. */
  #wake(sleptUntilTick: number): void {
    this.#sleeping = undefined;
    const nowTick = Math.max(sleptUntilTick, Math.floor(this.#clock.monotonicMs() / GRAIN_MS));
    for (const [tick, together] of this.#byTick) {
      if (tick > nowTick) continue;
      this.#byTick.delete(tick);
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
    setTimeout(() => {
      this.#mayRest = false;
      if (this.#byTick.size > 0) return;
      this.#sleeping?.timer.abort();
      this.#sleeping = undefined;
    }, IDLE_MS);
  }
}
