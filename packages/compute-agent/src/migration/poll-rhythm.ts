import type { Clock } from "@drover/model";

/** A tick that is nearer than this part of a period is left out: the timer may have fired a little early. */
const TOO_SOON = 0.1;

/**
 * When the copies of one host are looked at: all at the same ticks, whenever each began, so that what is seen of them goes
 * out in one write. Hosts do not share their ticks: each counts from the start of its agent.
 */
export class PollRhythm {
  readonly #clock: Clock;
  readonly #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** How long until the next tick of this period, ms: 1.1 periods at most. */
  untilTickMs(periodMs: number): number {
    const leftMs = periodMs - ((this.#clock.monotonicMs() - this.#sinceMs) % periodMs);
    return leftMs < periodMs * TOO_SOON ? leftMs + periodMs : leftMs;
  }
}
