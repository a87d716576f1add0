/**
 * Every way in which Drover says no. A code exists where a caller does something different on seeing it.
 *
 * | code | means | who acts |
 * | --- | --- | --- |
 * | `pre-check-failed` | this guest cannot move there; `details.checks` lists every failed check | caller |
 * | `no-eligible-host` | filters left nothing; `details.eliminated` says which filter removed whom | operator |
 * | `not-found` | no such server, host or migration | caller |
 * | `bad-request` | the request itself is malformed; names the field | caller |
 * | `refused` | not in this state; carries the reason | caller |
 * | `unauthenticated` | no token, or one that does not count: unknown, expired, revoked, from elsewhere | caller |
 * | `forbidden` | the sender may not ask for this; asking again does not help | caller |
 * | `too-many-requests` | more than is taken in a while; `details.retryAfterSeconds` says when to ask again | caller, later |
 * | `conflict` | someone else wrote first | caller re-reads |
 * | `agent-unreachable` | the broker knows that nobody took the request | us, with backoff |
 * | `unavailable` | a service of ours (broker, cache, database) is away | us, with backoff |
 * | `deadline-exceeded` | *our wait* ended; the work may go on | us, only if idempotent |
 * | `outcome-unknown` | the guest may be on either host | reconciler, never blindly |
 * | `libvirt` | libvirtd said no: its code, domain, level and text | by libvirt's code |
 * | `protocol` | bytes we cannot trust; the connection is closed | us, on a new connection |
 * | `internal` | a bug | us |
 */
export const ERROR_CODES = [
  "pre-check-failed",
  "no-eligible-host",
  "not-found",
  "bad-request",
  "refused",
  "unauthenticated",
  "forbidden",
  "too-many-requests",
  "conflict",
  "agent-unreachable",
  "unavailable",
  "deadline-exceeded",
  "outcome-unknown",
  "libvirt",
  "protocol",
  "internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Plain, JSON-safe facts about an error: ids, names, lists. Never a secret: they reach logs and callers. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface DroverErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
}

/** A brand on the prototype, so that an error is recognised across two copies of this package. */
const brand = Symbol.for("drover.error");

/**
 * The one error type of Drover. `message` says what we were doing and what the reader can do; the cause is never
 * repeated in it ({@link errorChain} prints both).
 */
export class DroverError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: DroverErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  override get name(): string {
    return "DroverError";
  }

  get [brand](): true {
    return true;
  }
}

/** True for a {@link DroverError} of any copy of this package; with `code`, only for that code. */
export function isDroverError(error: unknown, code?: ErrorCode): error is DroverError {
  if (!(error instanceof Error) || !(brand in error)) return false;
  return code === undefined || ("code" in error && error.code === code);
}

/** The code of any thrown value; what is not ours is a bug (`internal`). */
export function errorCodeOf(error: unknown): ErrorCode {
  return isDroverError(error) ? error.code : "internal";
}

/**
 * The whole chain on one line: `starting vm1: libvirtd refused: unsafe migration`. At most eight links, so that a
 * cyclic cause cannot hang a log line.
 */
export function errorChain(error: unknown): string {
  const messages: string[] = [];
  let link: unknown = error;
  for (let depth = 0; depth < 8 && link !== undefined && link !== null; depth++) {
    const message = link instanceof Error ? link.message : String(link);
    if (message !== "" && messages.at(-1) !== message) messages.push(message);
    link = link instanceof Error ? link.cause : undefined;
  }
  return messages.join(": ");
}

/** An error as it travels on the bus and into a record. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** Flattens the chain into one message; details of the outermost error are kept. */
export function serializeError(error: unknown): SerializedError {
  return {
    code: errorCodeOf(error),
    message: errorChain(error),
    details: isDroverError(error) ? error.details : {},
  };
}
