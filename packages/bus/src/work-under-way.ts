import type { Clock } from "@drover/model";

/** Work that nobody waits for until its server closes: replies and settlements on their way. */
export class WorkUnderWay {
  readonly #work = new Set<Promise<void>>();

  /** @param work Never rejects. */
  add(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  /** Resolves when nothing is under way; what ends may have begun something else. Never rejects. */
  async done(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}

/** Waits for `work`, which never rejects, `limitMs` at most. False when the time was up first. */
export async function doneWithin(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  const timer = new AbortController();
  const limit = clock.sleep(limitMs, timer.signal).then(
    () => false,
    () => true,
  );
  const inTime = await Promise.race([work.then(() => true), limit]);
  timer.abort();
  return inTime;
}
