import { type Clock, systemClock } from "@drover/model";

/** The machine's clock, which a test can move ahead: who sleeps wakes as if the time had passed. */
export class MovableClock implements Clock {
  #aheadMs = 0;
  /** Each looks whether its time has come, and waits on otherwise. */
  readonly #sleepers = new Set<() => void>();

  now(): Date {
    return new Date(systemClock.now().getTime() + this.#aheadMs);
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const untilMs = this.monotonicMs() + ms;
    let timer: NodeJS.Timeout | undefined;
    const end = (settle: () => void) => {
      clearTimeout(timer);
      this.#sleepers.delete(look);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(signal?.reason));
    const look = () => {
      clearTimeout(timer);
      const leftMs = untilMs - this.monotonicMs();
      if (leftMs <= 0) end(resolve);
      else timer = setTimeout(look, leftMs);
    };
    this.#sleepers.add(look);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    else look();
    return promise;
  }

  moveAhead(ms: number): void {
    this.#aheadMs += ms;
    for (const look of [...this.#sleepers]) look();
  }
}
