import { DroverError, isDroverError } from "@drover/model";
import { type CallOptions, DEFAULT_DEADLINE_MS } from "./call-options.ts";
import type { Frame } from "./message.ts";
import type { StartTimer } from "./start-timer.ts";

/** Who is told what becomes of a call; one of `resolve` and `reject` is called, once. */
export interface PendingCallOutcome {
  resolve(reply: Frame): void;
  reject(error: unknown): void;
  /** We stopped waiting; `reject` was called before. */
  abandoned(call: PendingCall): void;
}

/**
 * One call on its way.
 *
 * ```
 *   waiting ──sent──▶ outstanding ──reply──▶ done
 *      │                   └─ deadline, abort ─▶ abandoned ──reply──▶ done (the reply is dropped)
 *      └─ deadline, abort, close ─▶ done
 * ```
 * An abandoned call still occupies its place: libvirtd counts it until it has answered.
 */
export class PendingCall {
  readonly name: string;
  readonly procedure: number;
  readonly changes: boolean;
  readonly serial: number;
  readonly frame: Buffer;
  readonly #resolve: (value: Frame) => void;
  readonly #reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  readonly #stopTimer: () => void;
  #settled = false;
  sent = false;

  constructor(
    call: { name: string; procedure: number; changes: boolean; serial: number; frame: Buffer },
    options: CallOptions,
    settle: PendingCallOutcome,
    startTimer: StartTimer,
  ) {
    this.name = call.name;
    this.procedure = call.procedure;
    this.changes = call.changes;
    this.serial = call.serial;
    this.frame = call.frame;
    this.#resolve = (reply) => settle.resolve(reply);
    this.#reject = (error) => settle.reject(error);
    this.#signal = options.signal;
    const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#stopTimer = startTimer(deadlineMs, () => {
      this.reject(this.#late(deadlineMs));
      settle.abandoned(this);
    });
    this.#onAbort = () => {
      this.reject(this.#signal?.reason);
      settle.abandoned(this);
    };
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Nobody waits for its answer any more. */
  get isSettled(): boolean {
    return this.#settled;
  }

  resolve(frame: Frame): void {
    if (this.#finish()) this.#resolve(frame);
  }

  reject(error: unknown): void {
    if (this.#finish()) this.#reject(error);
  }

  /** The connection is gone. What that means depends on whether libvirtd can have acted. */
  interrupt(cause: unknown): void {
    const details = { procedure: this.name };
    if (!this.sent) {
      this.reject(
        new DroverError("unavailable", `${this.name} was not sent: the connection to libvirtd is closed`, {
          cause,
          details,
        }),
      );
    } else if (this.changes) {
      this.reject(
        new DroverError(
          "outcome-unknown",
          `the connection to libvirtd broke while it carried out ${this.name}; look at the host to see whether it did`,
          { cause, details },
        ),
      );
    } else if (isDroverError(cause, "protocol")) {
      this.reject(cause);
    } else {
      this.reject(
        new DroverError("unavailable", `the connection to libvirtd broke before it answered ${this.name}`, {
          cause,
          details,
        }),
      );
    }
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#stopTimer();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    return true;
  }

  #late(deadlineMs: number): DroverError {
    const rest = this.sent ? "libvirtd may still carry it out" : "it was not sent, other calls stood before it";
    return new DroverError("deadline-exceeded", `${this.name} had no answer within ${deadlineMs} ms; ${rest}`, {
      details: { procedure: this.name, deadlineMs, sent: this.sent },
    });
  }
}
