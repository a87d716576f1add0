import { type Clock, errorChain, type Logger } from "@drover/model";
import { decodeReply } from "../envelope.ts";
import type { AmqpSession } from "./amqp-session.ts";

/** As long as oslo's servers look for a reply queue that is missing. */
const LOOK_FOR_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;
/** More than this many wait only where as many callers ended at once; further ones are dropped. */
const MAX_WAITING = 10_000;

export interface LateRepliesOptions {
  readonly link: { session(maxWaitMs: number): Promise<Pick<AmqpSession, "publish">> };
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Replies that came back because their reply queue was not there. The broker loses reply queues by its restart; a stock
 * client declares its own again and goes on waiting, so an answer is sent again until it has.
 */
export class LateReplies {
  readonly #options: LateRepliesOptions;
  readonly #closing = new AbortController();
  #waiting = 0;

  constructor(options: LateRepliesOptions) {
    this.#options = options;
  }

  /** Never throws. A sign of life is of no use any more, and not kept. */
  add(queue: string, body: Buffer): void {
    const { logger } = this.#options;
    if (this.#waiting >= MAX_WAITING) {
      logger.warn({ queue, waiting: this.#waiting }, "dropped a reply whose caller's queue is missing");
      return;
    }
    this.#waiting += 1;
    this.#send(queue, body)
      .catch((error) => logger.debug({ queue, reason: errorChain(error) }, "the caller of a finished call is gone"))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** Gives up those that wait. */
  close(): void {
    this.#closing.abort(new Error("the bus was closed"));
  }

  async #send(queue: string, body: Buffer): Promise<void> {
    if (!decodeReply(body).ending) return;
    const { link, clock } = this.#options;
    const byMs = clock.monotonicMs() + LOOK_FOR_MS;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      await clock.sleep(retryMs, this.#closing.signal);
      const remainingMs = byMs - clock.monotonicMs();
      if (remainingMs <= 0) throw new Error(`its reply queue was missing for ${LOOK_FOR_MS} ms`);
      const session = await link.session(remainingMs);
      if ((await session.publish({ exchange: "", routingKey: queue, body })) === "queued") return;
    }
  }
}
