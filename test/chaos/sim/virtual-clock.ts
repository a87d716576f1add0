import type { Clock } from "@drover/model";
import type { SeededRandom } from "../seeded-random.ts";

interface Timer {
  readonly atMs: number;
  /** Decides among timers of the same moment: drawn, so that no order is a habit. */
  readonly tie: number;
  run: (() => void) | undefined;
  /** Lets go of what would tell it that nobody waits any more. */
  readonly forget: (() => void) | undefined;
}

/**
 * Time that passes only when nothing is left to do. Who sleeps is woken one after another, in the order of their time
 * and in a seeded order at the same time, and what each one starts has come to rest before the next.
 *
 * All that a simulation waits for must be a timer of this clock, or a promise that somebody woken by it settles: then a
 * seed decides every order. Real sockets, files and timers would break that.
 */
export class VirtualClock implements Clock, Disposable {
  readonly #random: SeededRandom;
  readonly #heap: Timer[] = [];
  #nowMs = 0;
  /** Timers that were woken. */
  steps = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  now(): Date {
    return new Date(Date.UTC(2030, 0, 1) + Math.floor(this.#nowMs));
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const forget = () => signal?.removeEventListener("abort", onAbort);
      const wake = () => {
        forget();
        resolve();
      };
      const cancel = this.after(ms, wake, forget);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Runs `run` once, `ms` from now, unless the function that it returns was called before. */
  after(ms: number, run: () => void, forget?: () => void): () => void {
    if (!Number.isFinite(ms)) return () => {};
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), tie: this.#random.fraction(), run, forget };
    this.#push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  /**
   * Lets time pass until `untilMs` or until `done`, which is asked after each step; false when the time was up first.
   * `stepped` is called when what a step started has come to rest.
   */
  async pass(untilMs: number, stepped: () => void, done: () => boolean = () => false): Promise<boolean> {
    await atRest();
    while (!done()) {
      const next = this.#pop(untilMs);
      if (next === undefined) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return done();
      }
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.steps += 1;
      next.run?.();
      await atRest();
      stepped();
    }
    return true;
  }

  /** Nobody who still sleeps is ever woken. Signals that combine others live, with all that listens, while somebody does. */
  [Symbol.dispose](): void {
    for (const { forget } of this.#heap.splice(0)) forget?.();
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  /** The first that still runs, if it is due by then; cancelled ones before it are thrown away. */
  #pop(untilMs: number): Timer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) return undefined;
      this.#removeFirst();
      if (first.run !== undefined) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const goesRight = right !== undefined && isBefore(right, left);
      const child = goesRight ? right : left;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = 2 * at + (goesRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.tie < other.tie);
}

/** Promises and ticks have run out: in a simulation nothing uses `setImmediate` or the operating system. */
function atRest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
