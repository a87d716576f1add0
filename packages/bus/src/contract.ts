/** Anything that checks an unknown value and returns it typed, or throws; a zod schema is one. */
export interface Schema<Value> {
  parse(input: unknown): Value;
}

interface ContractBase<Request> {
  /** Queue family: `conductor`, `scheduler`, `compute`, `compute-control`. */
  readonly topic: string;
  /** Name on the wire; Nova's where Nova has one. */
  readonly method: string;
  /** `major.minor`; a server takes the same major and any minor up to its own. */
  readonly version: string;
  readonly request: Schema<Request>;
  /** Repeating it changes nothing; what is not idempotent is never run twice by the bus. */
  readonly idempotent: boolean;
}

/** A request with a reply. `deadlineMs` travels with it: work past it is of no use to the caller. */
export interface CallContract<Request, Response> extends ContractBase<Request> {
  readonly kind: "call";
  readonly response: Schema<Response>;
  readonly deadlineMs: number;
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
