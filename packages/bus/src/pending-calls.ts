import { type Clock, DroverError } from "@drover/model";
import type { CallContract } from "./contract.ts";
import { newMessageId, type ReplyEnvelope } from "./envelope.ts";
import { errorOf } from "./failure.ts";
import { checkResponse } from "./validation.ts";

/** A process with more calls under way than this is in trouble; further ones are refused at once. */
const MAX_PENDING_CALLS = 10_000;

interface PendingCall {
  readonly contract: CallContract<unknown, unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the deadline's timer and the listener on the caller's signal. */
  readonly release: () => void;
  /** A server may have it. */
  sent: boolean;
}

export interface CallLimits {
  /** What is left of the deadline. */
  readonly remainingMs: number;
  /** The whole of it, for the error's words. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The calls of this process that wait for a reply, by message id. Each is settled exactly once. */
export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Registers a call; `response` settles with the checked response, or rejects with the handler's error, with
   * `deadline-exceeded`, or with the reason of the caller's signal.
   *
   * @throws {DroverError} `unavailable` when too many calls are under way.
   */
  add<Response>(
    contract: CallContract<unknown, Response>,
    limits: CallLimits,
  ): { readonly messageId: string; readonly response: Promise<Response> } {
    if (this.#calls.size >= MAX_PENDING_CALLS) {
      throw new DroverError(
        "unavailable",
        `calling ${contract.method}: ${MAX_PENDING_CALLS} calls are under way already`,
      );
    }
    const messageId = newMessageId();
    const result = new Promise<unknown>((resolve, reject) => {
      const timer = new AbortController();
      const onAbort = () => this.fail(messageId, limits.signal?.reason);
      limits.signal?.addEventListener("abort", onAbort, { once: true });
      this.#clock.sleep(limits.remainingMs, timer.signal).then(
        () => this.fail(messageId, deadlineExceeded(contract, limits.deadlineMs)),
        () => {},
      );
      const release = () => {
        timer.abort();
        limits.signal?.removeEventListener("abort", onAbort);
      };
      this.#calls.set(messageId, { contract, resolve, reject, release, sent: false });
    });
    const response = result.then((value) => checkResponse(contract, value, "protocol"));
    // The caller may still be busy sending when the answer is a rejection.
    response.catch(() => {});
    return { messageId, response };
  }

  /** False if nobody waits for it: the call was given up. */
  settle(reply: ReplyEnvelope): boolean {
    // A heartbeat of oslo's call monitor says only that the server is at work; our deadline stands.
    if (!reply.ending) return this.#calls.has(reply.messageId);
    const call = this.#take(reply.messageId);
    if (call === undefined) return false;
    if (reply.failure === null) call.resolve(reply.result);
    else call.reject(errorOf(reply.failure));
    return true;
  }

  fail(messageId: string, error: unknown): void {
    this.#take(messageId)?.reject(error);
  }

  failAll(errorFor: (contract: CallContract<unknown, unknown>, sent: boolean) => DroverError): void {
    for (const [messageId, { contract, sent }] of this.#calls) this.fail(messageId, errorFor(contract, sent));
  }

  /** Still waited for. */
  has(messageId: string): boolean {
    return this.#calls.has(messageId);
  }

  markSent(messageId: string): void {
    const call = this.#calls.get(messageId);
    if (call !== undefined) call.sent = true;
  }

  #take(messageId: string): PendingCall | undefined {
    const call = this.#calls.get(messageId);
    this.#calls.delete(messageId);
    call?.release();
    return call;
  }
}

function deadlineExceeded(contract: CallContract<unknown, unknown>, deadlineMs: number): DroverError {
  return new DroverError(
    "deadline-exceeded",
    `calling ${contract.method}: no reply within ${deadlineMs} ms; the work may go on`,
    { details: { method: contract.method, deadlineMs } },
  );
}
