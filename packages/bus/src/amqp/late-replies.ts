import { type Clock, errorChain, isDroverError, type Logger } from "@drover/model";
import { decodeReply } from "../envelope.ts";
import type { AmqpSession } from "./amqp-session.ts";

/** As long as oslo's servers look for a reply queue that is missing. */
const LOOK_FOR_MS = 60_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;
/** What waits in all, as bytes and as answers, and for one reply queue; what is over is dropped. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const MAX_WAITING = 10_000;
const MAX_WAITING_FOR_ONE = 64;
/** Between two log lines about what was dropped. */
const DROP_LOG_MS = 10_000;

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
  /** By reply queue: how many. */
  readonly #waitingFor = new Map<string, number>();
  #waiting = 0;
  #waitingBytes = 0;
  #dropped = 0;
  #logDropsFromMs = 0;

  constructor(options: LateRepliesOptions) {
    this.#options = options;
  }

  /** Never throws. A sign of life is of no use any more, and not kept. */
  add(queue: string, body: Buffer): void {
    const forOne = this.#waitingFor.get(queue) ?? 0;
    if (
      forOne >= MAX_WAITING_FOR_ONE ||
      this.#waiting >= MAX_WAITING ||
      this.#waitingBytes + body.length > MAX_WAITING_BYTES
    ) {
      this.#drop(queue);
      return;
    }
    // What the client read may be a small part of a larger buffer, which would be kept with it.
    const copy = Buffer.from(body);
    this.#count(queue, 1, copy.length);
    this.#send(queue, copy)
      .catch((error) =>
        this.#options.logger.debug({ queue, reason: errorChain(error) }, "the caller of a finished call is gone"),
      )
      .finally(() => this.#count(queue, -1, -copy.length));
  }

  /** Gives up those that wait. */
  close(): void {
    this.#closing.abort(new Error("the bus was closed"));
  }

  #count(queue: string, answers: number, bytes: number): void {
    this.#waiting += answers;
    this.#waitingBytes += bytes;
    const forOne = (this.#waitingFor.get(queue) ?? 0) + answers;
    if (forOne === 0) this.#waitingFor.delete(queue);
    else this.#waitingFor.set(queue, forOne);
  }

  #drop(queue: string): void {
    this.#dropped += 1;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#logDropsFromMs) return;
    this.#options.logger.warn(
      { queue, dropped: this.#dropped, waiting: this.#waiting, waitingBytes: this.#waitingBytes },
      "dropped replies whose callers' queues are missing",
    );
    this.#dropped = 0;
    this.#logDropsFromMs = nowMs + DROP_LOG_MS;
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
      try {
        if ((await session.publish({ exchange: "", routingKey: queue, body })) === "queued") return;
      } catch (error) {
        // The connection broke again: there will be another.
        if (!isDroverError(error, "unavailable") || this.#closing.signal.aborted) throw error;
      }
    }
  }
}
