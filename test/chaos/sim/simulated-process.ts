import type { Clock } from "@drover/model";
import type { SeededRandom } from "../seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A blow that waits for the process's n-th dealing with the world outside, so that it falls between two of its lines. */
interface ArmedBlow {
  left: number;
  readonly strike: () => void;
}

/**
 * What stands for a process of the operating system: everything that reaches the code in it from outside (answers,
 * messages, the end of a sleep) passes {@link enter}. Killed, nothing reaches it any more, so it never does anything
 * again, whatever it had begun: no line of it is run to tidy up. Frozen, all of that waits, and comes in order later.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #onKill = new Set<() => void>();
  #waiting: (() => void)[] = [];
  #blow: ArmedBlow | undefined;
  #mode: "running" | "frozen" | "dead" = "running";

  constructor(name: string, clock: VirtualClock, random: SeededRandom) {
    this.name = name;
    this.#clock = clock;
    this.#random = random;
    this.clock = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => this.enter(clock.sleep(ms, signal)),
    };
  }

  get isDead(): boolean {
    return this.#mode === "dead";
  }

  get isFrozen(): boolean {
    return this.#mode === "frozen";
  }

  /** What comes from outside: settles as `work` does, but not before the process may go on, and never in a dead one. */
  enter<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.reach(() => resolve(value)),
        (error: unknown) => this.reach(() => reject(error)),
      );
    });
  }

  /** Runs `code` of the process: now, when it is thawed, or never. */
  reach(code: () => void): void {
    if (this.#mode === "running") code();
    else if (this.#mode === "frozen") this.#waiting.push(code);
  }

  /** A dealing with something outside that takes its time each way; the process may be struck before or after it. */
  async deal<T>(mostMs: number, work: () => Promise<T>): Promise<T> {
    this.touch();
    const there = this.#random.between(0.05, mostMs);
    const back = this.#random.between(0.05, mostMs);
    const dealt = this.#clock
      .sleep(there)
      .then(work)
      .then(
        (value) => this.#clock.sleep(back).then(() => value),
        (error: unknown) =>
          this.#clock.sleep(back).then(() => {
            throw error;
          }),
      );
    return await this.enter(dealt);
  }

  /** Counts a dealing with the outside; the armed blow falls at its number. */
  touch(): void {
    const blow = this.#blow;
    if (blow === undefined || this.#mode !== "running") return;
    blow.left -= 1;
    if (blow.left > 0) return;
    this.#blow = undefined;
    // A moment after: the dealing is on its way, and may or may not be done; its answer does not come.
    this.#clock.after(this.#random.between(0, 2), blow.strike);
  }

  /** `strike` is called at the process's `dealing`-th dealing from now on. */
  arm(dealing: number, strike: () => void): void {
    this.#blow = { left: dealing, strike };
  }

  disarm(): void {
    this.#blow = undefined;
  }

  /** Called once, at the moment of death. */
  onKill(tell: () => void): () => void {
    this.#onKill.add(tell);
    return () => this.#onKill.delete(tell);
  }

  freeze(): void {
    if (this.#mode === "running") this.#mode = "frozen";
  }

  thaw(): void {
    if (this.#mode !== "frozen") return;
    this.#mode = "running";
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const code of waiting) this.reach(code);
  }

  /** As `kill -9`. */
  kill(): void {
    if (this.#mode === "dead") return;
    this.#mode = "dead";
    this.#waiting = [];
    for (const tell of this.#onKill) tell();
    this.#onKill.clear();
  }
}
