import type { Clock } from "@drover/model";

/** How long a queue that had a consumer is taken to have one still. */
const TRUSTED_MS = 1_000;

interface Target {
  /** Calls that were sent to it and are not over. */
  underWay: number;
  servedUntilMs: number;
}

/**
 * Whether a queue has consumers, asked as rarely as the promise allows that nobody's call waits in a queue that nobody
 * serves. What was heard within the last second is believed, but only while another call to the same queue is under way:
 * one call after the other is a question for each, so that a server which closed in between is noticed at once, while
 * many callers at the same time share a question a second.
 */
export class ConsumerCounts {
  readonly #ask: (queue: string) => Promise<number>;
  readonly #clock: Clock;
  readonly #targets = new Map<string, Target>();
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(ask: (queue: string) => Promise<number>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** True without a question where it need not be asked; askers at the same time share one question. */
  isServed(queue: string): true | Promise<boolean> {
    const target = this.#targets.get(queue);
    if (target !== undefined && target.servedUntilMs > this.#clock.monotonicMs()) return true;
    const asked = this.#asking.get(queue);
    if (asked !== undefined) return asked;
    const answer = this.#askOnce(queue).finally(() => this.#asking.delete(queue));
    this.#asking.set(queue, answer);
    return answer;
  }

  /** A call to this queue has begun; returns what must be called when it is over. */
  begin(queue: string): (trouble: boolean) => void {
    let target = this.#targets.get(queue);
    if (target === undefined) {
      target = { underWay: 0, servedUntilMs: 0 };
      this.#targets.set(queue, target);
    }
    target.underWay += 1;
    return (trouble) => {
      target.underWay -= 1;
      if (trouble) target.servedUntilMs = 0;
      if (target.underWay === 0) this.#targets.delete(queue);
    };
  }

  async #askOnce(queue: string): Promise<boolean> {
    const askedMs = this.#clock.monotonicMs();
    const served = (await this.#ask(queue)) > 0;
    const target = this.#targets.get(queue);
    if (target !== undefined) target.servedUntilMs = served ? askedMs + TRUSTED_MS : 0;
    return served;
  }
}
