import {
  type Clock,
  DroverError,
  type ErrorCode,
  errorChain,
  errorCodeOf,
  type Logger,
  type SerializedError,
  serializeError,
} from "@drover/model";
import type { RpcHandler } from "./bus.ts";
import { DeadlineEstimate } from "./deadline-estimate.ts";
import { Dispatcher } from "./dispatcher.ts";
import {
  contextFromWire,
  newMessageId,
  type RemoteFailure,
  type ReplyEnvelope,
  type RequestEnvelope,
} from "./envelope.ts";
import { failureOf } from "./failure.ts";
import { runInContext } from "./rpc-context.ts";
import type { Sender, Trust } from "./sender.ts";
import { Slots } from "./slots.ts";

/** How long a closing server waits for handlers that do not heed their signal. */
const DRAIN_LIMIT_MS = 30_000;
/** A cast that failed this often is parked. */
export const MAX_TRIES = 5;
/** Wait before a cast's second try; doubles with each further one. */
const FIRST_RETRY_MS = 100;
/** Signs of life are not sent more often, whatever a client asks for. */
const SHORTEST_HEARTBEAT_MS = 100;

/** What becomes of a cast. */
export type Settlement =
  /** It ran, or must not run: it is gone. */
  | { readonly kind: "done" }
  /** Somebody else must run it: back to the queue. */
  | { readonly kind: "again" }
  /** It can never succeed here. */
  | { readonly kind: "park"; readonly reason: SerializedError; readonly tries: number };

/** One request as a driver hands it over, and how the driver hears of it. */
export interface Delivery {
  readonly request: RequestEnvelope;
  readonly sender: Sender;
  /** A stock client's deadline, counted from now; ours travels in the envelope. Undefined for none. */
  readonly expiresInMs?: number | undefined;
  /** The broker may have given it to a server before, which may have run it. */
  readonly redelivered: boolean;
  /** Tries of a cast whose server did not live to settle it. */
  readonly lostTries: number;
  /** A call is about to run: from here on it must never be delivered again. */
  taken(): void;
  /** Calls only: signs of life, then the answer, once. */
  reply(reply: ReplyEnvelope): void;
  /** Casts only, once. */
  settled(outcome: Settlement): void;
}

export interface RequestRunnerOptions {
  readonly handlers: readonly RpcHandler[];
  readonly maxInFlight: number;
  readonly trust: Trust;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Codes that a call is answered with by right; a cast has nobody to answer, so there they are trouble. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set([
  "not-found",
  "bad-request",
  "refused",
  "forbidden",
  "pre-check-failed",
  "no-eligible-host",
]);

/** Runs requests on their handlers, a bounded number at a time: what a server is in every driver. */
export class RequestRunner {
  readonly #dispatcher: Dispatcher;
  readonly #deadlines: DeadlineEstimate;
  readonly #slots: Slots;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: RequestRunnerOptions) {
    this.#dispatcher = new Dispatcher(options.handlers, options.trust);
    this.#deadlines = new DeadlineEstimate(options.clock);
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
    try {
      const { request } = delivery;
      if (request.reply === undefined) return await this.#runCast(delivery);
      const expiresInMs = this.#deadlines.remainingMs(request) ?? delivery.expiresInMs;
      const byMs = expiresInMs === undefined ? undefined : receivedMs + expiresInMs;
      await this.#runCall(delivery, request.reply, byMs);
    } catch (err) {
      this.#logger.error({ err, method: delivery.request.method }, "settling a request failed");
    }
  }

  async #runCall(
    delivery: Delivery,
    { messageId, monitorTimeoutSeconds }: NonNullable<RequestEnvelope["reply"]>,
    byMs: number | undefined,
  ): Promise<void> {
    const { request } = delivery;
    const answer = (result: unknown, failure: RemoteFailure | null, ending = true) =>
      delivery.reply({ messageId, uniqueId: newMessageId(), result, failure, ending });
    const working = new AbortController();
    if (monitorTimeoutSeconds !== null) {
      void this.#beat(monitorTimeoutSeconds, () => answer(null, null, false), working.signal);
    }
    await this.#slots.take();
    try {
      delivery.taken();
      const remainingMs = byMs === undefined ? undefined : byMs - this.#clock.monotonicMs();
      if (remainingMs !== undefined && remainingMs <= 0) {
        this.#logger.debug({ method: request.method }, "a call waited past its deadline; not run");
        return;
      }
      if (this.#closing.signal.aborted) {
        throw new DroverError("unavailable", `${request.method} was not run: the server is closing`);
      }
      if (delivery.redelivered && !this.#dispatcher.find(request).contract.idempotent) {
        throw new DroverError(
          "outcome-unknown",
          `${request.method} was delivered to a server that went away; it may have run, and is not run again`,
        );
      }
      const result = await this.#run(delivery, remainingMs);
      working.abort();
      answer(result, null);
    } catch (err) {
      working.abort();
      this.#logFailure(err, request.method, "a call failed", ANSWERS.has(errorCodeOf(err)) ? "info" : "warn");
      answer(null, failureOf(err));
    } finally {
      working.abort();
      this.#slots.release();
    }
  }

  /** Signs of life of oslo's call monitor: one at once, then one every half of the time that the client gives. */
  async #beat(monitorTimeoutSeconds: number, beat: () => void, signal: AbortSignal): Promise<void> {
    const intervalMs = Math.max(SHORTEST_HEARTBEAT_MS, monitorTimeoutSeconds * 500);
    try {
      while (!signal.aborted) {
        beat();
        await this.#clock.sleep(intervalMs, signal);
      }
    } catch {
      // The call is answered.
    }
  }

  async #runCast(delivery: Delivery): Promise<void> {
    const { request, lostTries } = delivery;
    if (lostTries >= MAX_TRIES) {
      const message = `${request.method} was begun ${lostTries} times by servers that ended before it was done`;
      const reason = { code: "outcome-unknown", message, details: {} } as const;
      return delivery.settled({ kind: "park", reason, tries: lostTries });
    }
    for (let tries = lostTries + 1; ; tries += 1) {
      const settlement = await this.#tryCast(delivery, tries);
      if (settlement !== undefined) return delivery.settled(settlement);
      await this.#clock.sleep(FIRST_RETRY_MS * 2 ** (tries - 1), this.#closing.signal).catch(() => {});
    }
  }

  /** One try, in a slot of its own; undefined when another may do better. */
  async #tryCast(delivery: Delivery, tries: number): Promise<Settlement | undefined> {
    const { method } = delivery.request;
    await this.#slots.take();
    try {
      if (this.#closing.signal.aborted) return { kind: "again" };
      await this.#run(delivery, undefined);
      return { kind: "done" };
    } catch (err) {
      if (this.#closing.signal.aborted) {
        this.#logFailure(err, method, "a cast was cut short by closing");
        return { kind: "again" };
      }
      const code = errorCodeOf(err);
      this.#logFailure(err, method, "a cast failed");
      // What its sender may not ask for stands in nobody's way, and is not kept for somebody to send again.
      if (code === "forbidden") return { kind: "done" };
      if (tries >= MAX_TRIES || ANSWERS.has(code)) return { kind: "park", reason: serializeError(err), tries };
      return undefined;
    } finally {
      this.#slots.release();
    }
  }

  async #run(delivery: Delivery, deadlineMs: number | undefined): Promise<unknown> {
    const { request, sender } = delivery;
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
    const context = contextFromWire(request.context);
    try {
      return await runInContext(context, () =>
        this.#dispatcher.run(request, { context, sender, signal: abort.signal }),
      );
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
