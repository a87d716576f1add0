import { type Clock, DroverError, type ErrorCode, errorChain, errorCodeOf, type Logger } from "@drover/model";
import type { RpcHandler } from "./bus.ts";
import { Dispatcher } from "./dispatcher.ts";
import {
  contextFromWire,
  newMessageId,
  type RemoteFailure,
  type ReplyEnvelope,
  type RequestEnvelope,
} from "./envelope.ts";
import { failureOf } from "./failure.ts";
import { Slots } from "./slots.ts";

/** How long a closing server waits for handlers that do not heed their signal. */
const DRAIN_LIMIT_MS = 30_000;

/** One request as a driver hands it over, and how the driver hears of it. */
export interface Delivery {
  readonly request: RequestEnvelope;
  /** The caller's deadline, counted from now; undefined for none. */
  readonly expiresInMs?: number | undefined;
  /** The broker may have given it to a server before, which may have run it. */
  readonly redelivered: boolean;
  /** A call is about to run: from here on it must never be delivered again. */
  taken(): void;
  /** Calls only, once. */
  reply(reply: ReplyEnvelope): void;
  /** Casts only, once: it ran, it can never succeed, or somebody else must run it. */
  settled(outcome: "done" | "rejected" | "again"): void;
}

export interface RequestRunnerOptions {
  readonly handlers: readonly RpcHandler[];
  readonly maxInFlight: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Codes that a call is answered with by right; a cast has nobody to answer, so there they are trouble. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set([
  "not-found",
  "bad-request",
  "refused",
  "pre-check-failed",
  "no-eligible-host",
]);

/** Runs requests on their handlers, a bounded number at a time: what a server is in every driver. */
export class RequestRunner {
  readonly #dispatcher: Dispatcher;
  readonly #slots: Slots;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: RequestRunnerOptions) {
    this.#dispatcher = new Dispatcher(options.handlers);
    this.#slots = new Slots(options.maxInFlight);
    this.#logger = options.logger;
    this.#clock = options.clock;
  }

  /** Requests that wait for a slot. */
  get waiting(): number {
    return this.#slots.waiting;
  }

  /** Never throws: the outcome goes to the delivery. */
  accept(delivery: Delivery): void {
    const work = this.#work(delivery).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Aborts every handler's signal and waits for them, {@link DRAIN_LIMIT_MS} at most. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(new DroverError("unavailable", "the server is closing"));
    const timer = new AbortController();
    const limit = this.#clock.sleep(DRAIN_LIMIT_MS, timer.signal).then(
      () => this.#logger.warn({ running: this.#running.size }, "handlers did not end; closing without them"),
      () => {},
    );
    await Promise.race([Promise.allSettled(this.#running), limit]);
    timer.abort();
  }

  async #work(delivery: Delivery): Promise<void> {
    const receivedMs = this.#clock.monotonicMs();
    await this.#slots.take();
    try {
      const { request, expiresInMs } = delivery;
      if (request.reply === undefined) return await this.#runCast(delivery);
      const remainingMs =
        expiresInMs === undefined ? undefined : expiresInMs - (this.#clock.monotonicMs() - receivedMs);
      await this.#runCall(delivery, request.reply.messageId, remainingMs);
    } catch (err) {
      this.#logger.error({ err, method: delivery.request.method }, "settling a request failed");
    } finally {
      this.#slots.release();
    }
  }

  async #runCall(delivery: Delivery, messageId: string, remainingMs: number | undefined): Promise<void> {
    const { request } = delivery;
    delivery.taken();
    const answer = (result: unknown, failure: RemoteFailure | null) =>
      delivery.reply({ messageId, uniqueId: newMessageId(), result, failure, ending: true });
    if (remainingMs !== undefined && remainingMs <= 0) {
      this.#logger.debug({ method: request.method }, "a call waited past its deadline; not run");
      return;
    }
    try {
      if (this.#closing.signal.aborted) {
        throw new DroverError("unavailable", `${request.method} was not run: the server is closing`);
      }
      if (delivery.redelivered && !this.#dispatcher.find(request).contract.idempotent) {
        throw new DroverError(
          "outcome-unknown",
          `${request.method} was delivered to a server that went away; it may have run, and is not run again`,
        );
      }
      answer(await this.#run(request, remainingMs), null);
    } catch (err) {
      this.#logFailure(err, request.method, "a call failed", ANSWERS.has(errorCodeOf(err)) ? "info" : "warn");
      answer(null, failureOf(err));
    }
  }

  async #runCast(delivery: Delivery): Promise<void> {
    if (this.#closing.signal.aborted) return delivery.settled("again");
    try {
      await this.#run(delivery.request, undefined);
      delivery.settled("done");
    } catch (err) {
      const again = this.#closing.signal.aborted;
      this.#logFailure(err, delivery.request.method, again ? "a cast was cut short by closing" : "a cast failed");
      delivery.settled(again ? "again" : "rejected");
    }
  }

  async #run(request: RequestEnvelope, deadlineMs: number | undefined): Promise<unknown> {
    const abort = new AbortController();
    const timer = new AbortController();
    const onClosing = () => abort.abort(this.#closing.signal.reason);
    this.#closing.signal.addEventListener("abort", onClosing, { once: true });
    if (deadlineMs !== undefined) {
      this.#clock.sleep(deadlineMs, timer.signal).then(
        () => abort.abort(new DroverError("deadline-exceeded", `the caller of ${request.method} waits no longer`)),
        () => {},
      );
    }
    try {
      return await this.#dispatcher.run(request, { context: contextFromWire(request.context), signal: abort.signal });
    } finally {
      timer.abort();
      this.#closing.signal.removeEventListener("abort", onClosing);
    }
  }

  #logFailure(err: unknown, method: string, sentence: string, level: "info" | "warn" = "warn"): void {
    const code = errorCodeOf(err);
    if (code === "internal") this.#logger.error({ err, method, code }, sentence);
    else this.#logger[level]({ method, code, reason: errorChain(err) }, sentence);
  }
}
