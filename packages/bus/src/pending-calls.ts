import { type Clock, DroverError } from "@drover/model";
import type { CallContract } from "./contract.ts";
import { type Deadline, Deadlines } from "./deadlines.ts";
import { newMessageId, type ReplyEnvelope } from "./envelope.ts";
import { errorOf } from "./failure.ts";
import { nobodyServes, queueName } from "./outgoing.ts";
import { checkResponse } from "./validation.ts";

interface PendingCall {
  readonly contract: CallContract<unknown, unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: Deadline;
  /** Passes when a monitored server has been silent too long; before its first sign of life, when none has begun. */
  silence: Deadline | undefined;
  readonly server: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  /** A server may have it. */
  sent: boolean;
}

export interface CallLimits {
  /** What is left of the deadline. */
  readonly remainingMs: number;
  /** The whole of it, for the error's words. */
  readonly deadlineMs: number;
  /** Whom it is addressed to, for the error's words. Undefined for any server of the topic. */
  readonly server?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The calls of this process that wait for a reply, by message id. Each is settled exactly once. */
export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>();
  readonly #deadlines: Deadlines;

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock);
  }

  /**
   * Registers a call; `response` settles with the checked response, or rejects with the handler's error, with
   * `deadline-exceeded` (`unavailable` for a call that was never {@link markSent}), or with the reason of the caller's
   * signal. A monitored call whose server shows no sign of life for its contract's `monitorTimeoutMs`, having shown one,
   * rejects with `outcome-unknown`, or with `unavailable` if it is idempotent; one that no server has begun within its
   * `beginsWithinMs`, with `deadline-exceeded`.
   */
  add<Response>(
    contract: CallContract<unknown, Response>,
    limits: CallLimits,
  ): { readonly messageId: string; readonly response: Promise<Response> } {
    const { remainingMs, deadlineMs, server, signal } = limits;
    const messageId = newMessageId();
    const response = new Promise<Response>((resolve, reject) => {
      const onAbort = () => this.fail(messageId, signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.set(messageId, {
        contract,
        resolve: (result) => resolve(checkResponse(contract, result, "protocol")),
        reject,
        deadline: this.#deadlines.set(remainingMs, () => this.#lapse(messageId, deadlineMs)),
        silence: this.#untilBegun(messageId, contract),
        server,
        signal,
        onAbort,
        sent: false,
      });
    });
    // The caller may still be busy sending when the answer is a rejection.
    response.catch(() => {});
    return { messageId, response };
  }

  /** False if nobody waits for it: the call was given up. */
  settle(reply: ReplyEnvelope): boolean {
    if (!reply.ending) return this.#hear(reply.messageId);
    const call = this.#take(reply.messageId);
    if (call === undefined) return false;
    try {
      if (reply.failure !== null) throw errorOf(reply.failure);
      call.resolve(reply.result);
    } catch (error) {
      call.reject(error);
    }
    return true;
  }

  fail(messageId: string, error: unknown): void {
    this.#take(messageId)?.reject(error);
  }

  /** The broker says that nobody took it. */
  failUnserved(messageId: string): void {
    const call = this.#take(messageId);
    call?.reject(nobodyServes(call.contract.method, queueName(call.contract.topic, call.server)));
  }

  failAll(errorFor: (contract: CallContract<unknown, unknown>, sent: boolean) => DroverError): void {
    for (const [messageId, { contract, sent }] of this.#calls) this.fail(messageId, errorFor(contract, sent));
  }

  /** Still waited for. */
  has(messageId: string): boolean {
    return this.#calls.has(messageId);
  }

  /** From here on a server may have it: the driver says so, for each call. */
  markSent(messageId: string): void {
    const call = this.#calls.get(messageId);
    if (call !== undefined) call.sent = true;
  }

  #untilBegun(messageId: string, contract: CallContract<unknown, unknown>): Deadline | undefined {
    const { monitorTimeoutMs, beginsWithinMs } = contract;
    if (monitorTimeoutMs === undefined || beginsWithinMs === undefined) return undefined;
    return this.#deadlines.set(beginsWithinMs, () => this.#lapse(messageId, beginsWithinMs));
  }

  /** A sign of life. It says only that the server is at work; the deadline stands. */
  #hear(messageId: string): boolean {
    const call = this.#calls.get(messageId);
    if (call === undefined) return false;
    const { contract, silence } = call;
    const { monitorTimeoutMs } = contract;
    if (monitorTimeoutMs === undefined) return true;
    if (silence !== undefined) this.#deadlines.cancel(silence);
    call.silence = this.#deadlines.set(monitorTimeoutMs, () =>
      this.fail(messageId, fellSilent(contract, monitorTimeoutMs)),
    );
    return true;
  }

  #lapse(messageId: string, deadlineMs: number): void {
    const call = this.#take(messageId);
    call?.reject((call.sent ? deadlineExceeded : neverSent)(call.contract, deadlineMs));
  }

  #take(messageId: string): PendingCall | undefined {
    const call = this.#calls.get(messageId);
    if (call === undefined) return undefined;
    this.#calls.delete(messageId);
    this.#deadlines.cancel(call.deadline);
    if (call.silence !== undefined) this.#deadlines.cancel(call.silence);
    call.signal?.removeEventListener("abort", call.onAbort);
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

/** The broker was there, but takes nothing: it is blocked for want of memory or disk, or hangs. */
function neverSent({ method }: CallContract<unknown, unknown>, deadlineMs: number): DroverError {
  return new DroverError(
    "unavailable",
    `calling ${method}: the broker took no message within ${deadlineMs} ms; it was not sent`,
    { details: { method, deadlineMs } },
  );
}

function fellSilent({ method, idempotent }: CallContract<unknown, unknown>, monitorTimeoutMs: number): DroverError {
  return new DroverError(
    idempotent ? "unavailable" : "outcome-unknown",
    `calling ${method}: the server began and fell silent for ${monitorTimeoutMs} ms; it may have been carried out`,
    { details: { method, monitorTimeoutMs } },
  );
}
