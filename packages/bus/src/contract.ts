import type { ErrorCode } from "@drover/model";

/** Anything that checks an unknown value and returns it typed, or throws; a zod schema is one. */
export interface Schema<Value> {
  parse(input: unknown): Value;
}

/**
 * Who may ask for it, as far as the broker vouches for the sender (see {@link Sender}):
 *
 * - `read`: whoever the broker lets in. It changes nothing.
 * - `request`: any service, stock clients among them, and no agent.
 * - `control-plane`: only what runs Drover: conductors and APIs, by the names of their users, and trusted users. Identity is
 *   decided there, so no other service may ask for it.
 * - `command`: only the users that the server trusts. A taken-over host commands nobody.
 * - `report`: only the agent of the host that the report is about, or a trusted user.
 */
export type Access = "read" | "request" | "control-plane" | "command" | "report";

interface ContractBase<Request> {
  /** Queue family: `conductor`, `scheduler`, `compute`, `compute-control`. */
  readonly topic: string;
  /** Name on the wire; Nova's where Nova has one. */
  readonly method: string;
  /** `major.minor`; a server takes the same major and any minor up to its own. */
  readonly version: string;
  /** Oslo's namespace: a request is served only by a handler of the same one. @default none */
  readonly namespace?: string;
  readonly access: Access;
  /** What access `read` says of itself, of a question that is not for everybody: an audit leaves it out. */
  readonly changesNothing?: true;
  readonly request: Schema<Request>;
  /** Repeating it changes nothing; what is not idempotent is never run twice by the bus. */
  readonly idempotent: boolean;
  /** The host that a `report` is about. A method, so that a contract of a narrower request is still a contract. */
  reporter?(request: Request): string;
  /** What it does, for the reference: whole sentences. */
  readonly description?: string;
  /** Codes that its handler answers beyond those of the bus itself, and when. */
  readonly errors?: Readonly<Partial<Record<ErrorCode, string>>>;
}

/** A request with a reply. `deadlineMs` travels with it: work past it is of no use to the caller. */
export interface CallContract<Request, Response> extends ContractBase<Request> {
  readonly kind: "call";
  readonly response: Schema<Response>;
  readonly deadlineMs: number;
  /**
   * Asks the server for a sign of life every half of this while it works: a caller learns of a server that died without
   * waiting for the deadline. For calls that take long; oslo's `call_monitor_timeout`. @default none
   */
  readonly monitorTimeoutMs?: number;
  /**
   * How long a monitored call may wait for its first sign of life, in a queue for instance: one that got lost on its way is
   * given up then, and not at a deadline that is meant for the work. @default the deadline
   */
  readonly beginsWithinMs?: number;
}

/** A request without a reply: the sender learns of its effect from a report, and sends it again until it does. */
export interface CastContract<Request> extends ContractBase<Request> {
  readonly kind: "cast";
}

export function defineCall<Request, Response>(
  contract: Omit<CallContract<Request, Response>, "kind">,
): CallContract<Request, Response> {
  return { kind: "call", ...contract };
}

export function defineCast<Request>(
  contract: Omit<CastContract<Request>, "kind" | "idempotent">,
): CastContract<Request> {
  return { kind: "cast", idempotent: true, ...contract };
}
