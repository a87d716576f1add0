import type { VirtualClock } from "./virtual-clock.ts";

/** A broken promise of Drover's: `rule` names the promise, for counting; `what` tells of this case. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly atMs: number;
}

/** What happened in a run, in order: for people who look at a seed. The same seed gives the same lines. */
export class RunLedger {
  readonly #clock: VirtualClock;
  readonly #lines: string[] = [];
  readonly #violations: Violation[] = [];
  readonly #seen = new Set<string>();
  readonly #ambushes = new Set<{ left: number; readonly strike: () => void }>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get violations(): readonly Violation[] {
    return this.#violations;
  }

  note(who: string, what: string): void {
    const seconds = (this.#clock.monotonicMs() / 1000).toFixed(3).padStart(9);
    this.#lines.push(`${seconds}  ${who.padEnd(12)} ${what}`);
  }

  /** A guest or a record has moved on: what lies in wait for that strikes. */
  moved(who: string, what: string): void {
    this.note(who, what);
    for (const ambush of this.#ambushes) {
      ambush.left -= 1;
      if (ambush.left > 0) continue;
      this.#ambushes.delete(ambush);
      ambush.strike();
    }
  }

  /** Calls `strike` at the `count`-th time from now that a guest or a record moves on: trouble comes where things happen. */
  lieInWait(count: number, strike: () => void): void {
    this.#ambushes.add({ left: count, strike });
  }

  /** Nothing lies in wait any more. */
  callOff(): void {
    this.#ambushes.clear();
  }

  /** The same one is counted once in a run, however often it is seen. */
  violated(rule: string, what: string): void {
    const key = `${rule}: ${what}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#violations.push({ rule, what, atMs: this.#clock.monotonicMs() });
    this.note("VIOLATION", key);
  }
}
