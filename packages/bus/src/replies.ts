import { type Clock, errorChain, type Logger } from "@drover/model";
import type { BrokerLink, BrokerSession } from "./broker-link.ts";
import { WorkUnderWay } from "./work-under-way.ts";

/** How long a reply to a caller without a deadline waits for our own connection. */
const LONGEST_WAIT_MS = 60_000;

export interface RepliesOptions<Session extends BrokerSession, Reply> {
  readonly link: BrokerLink<Session>;
  /** Undefined when it is written at once. @throws what is wrong with the reply itself. */
  readonly write: (session: Session, reply: Reply) => Promise<void> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One server's replies: those that find no connection wait for the next one, as long as their callers do. */
export class Replies<Session extends BrokerSession, Reply> {
  readonly #options: RepliesOptions<Session, Reply>;
  readonly #waiting = new WorkUnderWay();

  constructor(options: RepliesOptions<Session, Reply>) {
    this.#options = options;
  }

  /** When the caller of a call received now waits no longer, by the monotonic clock. */
  dueMs(remainingMs: number | undefined): number {
    return this.#options.clock.monotonicMs() + (remainingMs ?? LONGEST_WAIT_MS);
  }

  /** The sending goes on by itself. @throws what `write` throws, while there is a connection. */
  send(reply: Reply, dueMs: number): void {
    const { link, write } = this.#options;
    const session = link.present;
    const sending = session === undefined ? this.#sendLater(reply, dueMs) : write(session, reply);
    if (sending !== undefined) this.#waiting.add(this.#logged(sending));
  }

  /** Resolves when all have gone, or cannot. Never rejects. */
  flushed(): Promise<void> {
    return this.#waiting.done();
  }

  async #sendLater(reply: Reply, dueMs: number): Promise<void> {
    const { link, clock, write } = this.#options;
    await write(await link.session(Math.max(0, dueMs - clock.monotonicMs())), reply);
  }

  async #logged(sending: Promise<void>): Promise<void> {
    try {
      await sending;
    } catch (error) {
      this.#options.logger.warn({ reason: errorChain(error) }, "a reply could not be sent");
    }
  }
}
