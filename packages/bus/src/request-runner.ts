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
import { type Deadline, Deadlines } from "./deadlines.ts";
import { Dispatcher } from "./dispatcher.ts";
import { newMessageId, type RemoteFailure, type ReplyEnvelope, type RequestEnvelope } from "./envelope.ts";
import { failureOf } from "./failure.ts";
import { runInContext } from "./rpc-context.ts";
import { RunningRequest } from "./running-request.ts";
import type { Sender, Trust } from "./sender.ts";
import { Slots } from "./slots.ts";
import { doneWithin } from "./work-under-way.ts";

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
  /** A copy of what went to all servers: tried once and never parked. @default false */
  readonly fanout?: boolean;
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
  readonly #estimate: DeadlineEstimate;
  readonly #deadlines: Deadlines;
  readonly #slots: Slots;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running = new Set<RunningRequest>();
  /** Requests accepted and not settled. */
  #underWay = 0;
  #allSettled: PromiseWithResolvers<void> | undefined;

  constructor(options: RequestRunnerOptions) {
    this.#dispatcher = new Dispatcher(options.handlers, options.trust);
    this.#estimate = new DeadlineEstimate(options.clock);
    this.#deadlines = new Deadlines(options.clock);
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
    this.#underWay += 1;
    void this.#work(delivery);
  }

  /** Aborts every handler's signal and waits for them, {@link DRAIN_LIMIT_MS} at most. Never rejects. */
  async close(): Promise<void> {
    const reason = new DroverError("unavailable", "the server is closing");
    this.#closing.abort(reason);
    for (const request of this.#running) request.abort(reason);
    if (this.#underWay === 0) return;
    this.#allSettled ??= Promise.withResolvers();
    if (await doneWithin(this.#allSettled.promise, DRAIN_LIMIT_MS, this.#clock)) return;
    this.#logger.warn({ running: this.#underWay }, "handlers did not end; closing without them");
  }

  async #work(delivery: Delivery): Promise<void> {
    try {
      const { reply } = delivery.request;
      if (reply === undefined) await this.#runCast(delivery);
      else await this.#runCall(delivery, reply);
    } catch (err) {
      this.#logger.error({ err, method: delivery.request.method }, "settling a request failed");
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#allSettled?.resolve();
    }
  }

  async #runCall(
    delivery: Delivery,
    { messageId, monitorTimeoutSeconds }: NonNullable<RequestEnvelope["reply"]>,
  ): Promise<void> {
    const { request } = delivery;
    const expiresInMs = this.#estimate.remainingMs(request, delivery.sender) ?? delivery.expiresInMs;
    const byMs = expiresInMs === undefined ? undefined : this.#clock.monotonicMs() + expiresInMs;
    const answer = (result: unknown, failure: RemoteFailure | null, ending = true) =>
      delivery.reply({ messageId, uniqueId: newMessageId(), result, failure, ending });
    const endBeats = this.#beat(monitorTimeoutSeconds, () => answer(null, null, false));
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
      this.#refuseRepetition(delivery);
      const result = await this.#run(delivery, remainingMs);
      endBeats();
      answer(result, null);
    } catch (err) {
      endBeats();
      this.#logFailure(err, request.method, "a call failed", ANSWERS.has(errorCodeOf(err)) ? "info" : "warn");
      answer(null, failureOf(err));
    } finally {
      endBeats();
      this.#slots.release();
    }
  }

  /**
   * Signs of life of oslo's call monitor: one at once, then one every half of the time that the client gives, until the
   * returned function is called.
   */
  #beat(monitorTimeoutSeconds: number | null, sign: () => void): () => void {
    if (monitorTimeoutSeconds === null) return () => {};
    const intervalMs = Math.max(SHORTEST_HEARTBEAT_MS, monitorTimeoutSeconds * 500);
    let next: Deadline | undefined;
    const beat = () => {
      next = this.#deadlines.set(intervalMs, beat);
      try {
        sign();
      } catch (err) {
        this.#logger.warn({ reason: errorChain(err) }, "a sign of life could not be sent");
      }
    };
    beat();
    return () => {
      if (next !== undefined) this.#deadlines.cancel(next);
    };
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
    const { request, fanout = false } = delivery;
    await this.#slots.take();
    try {
      if (this.#closing.signal.aborted) return { kind: "again" };
      this.#refuseRepetition(delivery);
      await this.#run(delivery, undefined);
      return { kind: "done" };
    } catch (err) {
      const code = errorCodeOf(err);
      const maySucceed = !ANSWERS.has(code) && this.#dispatcher.isIdempotent(request);
      if (this.#closing.signal.aborted && maySucceed) {
        this.#logFailure(err, request.method, "a cast was cut short by closing");
        return { kind: "again" };
      }
      this.#logFailure(err, request.method, "a cast failed");
      // What its sender may not ask for stands in nobody's way, and is not kept for somebody to send again.
      if (code === "forbidden" || fanout) return { kind: "done" };
      if (tries >= MAX_TRIES || !maySucceed) return { kind: "park", reason: serializeError(err), tries };
      return undefined;
    } finally {
      this.#slots.release();
    }
  }

  /** @throws {DroverError} `outcome-unknown` where a server that went away may have run what must not run twice. */
  #refuseRepetition({ request, redelivered, lostTries }: Delivery): void {
    if ((!redelivered && lostTries === 0) || this.#dispatcher.isIdempotent(request)) return;
    throw new DroverError(
      "outcome-unknown",
      `${request.method} was delivered to a server that went away; it may have run, and is not run again`,
    );
  }

  async #run({ request, sender }: Delivery, deadlineMs: number | undefined): Promise<unknown> {
    const running = new RunningRequest(request, sender, this.#dispatcher.isControlPlane(sender));
    const deadline =
      deadlineMs === undefined
        ? undefined
        : this.#deadlines.set(deadlineMs, () => running.abort(deadlinePassed(request.method)));
    this.#running.add(running);
    try {
      return await runInContext(running, () => this.#dispatcher.run(request, running));
    } finally {
      this.#running.delete(running);
      if (deadline !== undefined) this.#deadlines.cancel(deadline);
    }
  }

  #logFailure(err: unknown, method: string, sentence: string, level: "info" | "warn" = "warn"): void {
    const code = errorCodeOf(err);
    if (code === "internal") this.#logger.error({ err, method, code }, sentence);
    else this.#logger[level]({ method, code, reason: errorChain(err) }, sentence);
  }
}

function deadlinePassed(method: string): DroverError {
  return new DroverError("deadline-exceeded", `the caller of ${method} waits no longer`);
}
