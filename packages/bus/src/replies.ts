import { type Clock, errorChain, type Logger } from "@drover/model";
import type { BrokerLink, BrokerSession } from "./broker-link.ts";
import { MAX_DEADLINE_MS } from "./outgoing.ts";
import { WorkUnderWay } from "./work-under-way.ts";

/** How long a reply to a caller without a deadline waits for our own connection. */
const LONGEST_WAIT_MS = 60_000;
/** Replies that one server holds in memory at most, while its broker is away or takes nothing: further ones are dropped. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** What a reply that waits costs beside its body, about. */
const REPLY_OVERHEAD_BYTES = 1024;

/** What every driver's reply has. */
interface Sized {
  readonly body: Uint8Array;
}

export interface RepliesOptions<Session extends BrokerSession, Reply extends Sized> {
  readonly link: Pick<BrokerLink<Session>, "present" | "session">;
  /** Undefined when it is written at once. @throws what is wrong with the reply itself. */
  readonly write: (session: Session, reply: Reply) => Promise<void> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * One server's replies: those that find no connection wait for the next one, as long as their callers do, 64 MiB of them
 * at most.
 */
export class Replies<Session extends BrokerSession, Reply extends Sized> {
  readonly #options: RepliesOptions<Session, Reply>;
  readonly #waiting = new WorkUnderWay();
  #waitingBytes = 0;

  constructor(options: RepliesOptions<Session, Reply>) {
    this.#options = options;
  }

  /** When the caller of a call received now waits no longer, by the monotonic clock. */
  dueMs(remainingMs: number | undefined): number {
    return this.#options.clock.monotonicMs() + Math.min(remainingMs ?? LONGEST_WAIT_MS, MAX_DEADLINE_MS);
  }

  /** The sending goes on by itself. @throws what `write` throws, while there is a connection. */
  send(reply: Reply, dueMs: number): void {
    const { link, write, logger } = this.#options;
    const bytes = reply.body.length + REPLY_OVERHEAD_BYTES;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      logger.warn({ bytes, waitingBytes: this.#waitingBytes }, "dropped a reply: too much waits for the broker");
      return;
    }
    const session = link.present;
    const sending = session === undefined ? this.#sendLater(reply, dueMs) : write(session, reply);
    if (sending === undefined) return;
    this.#waitingBytes += bytes;
    this.#waiting.add(this.#counted(sending, bytes));
  }

  /** Resolves when all have gone, or cannot. Never rejects. */
  flushed(): Promise<void> {
    return this.#waiting.done();
  }

  async #sendLater(reply: Reply, dueMs: number): Promise<void> {
    const { link, clock, write } = this.#options;
    await write(await link.session(Math.max(0, dueMs - clock.monotonicMs())), reply);
  }

  async #counted(sending: Promise<void>, bytes: number): Promise<void> {
    try {
      await sending;
    } catch (error) {
      this.#options.logger.warn({ reason: errorChain(error) }, "a reply could not be sent");
    } finally {
      this.#waitingBytes -= bytes;
    }
  }
}
