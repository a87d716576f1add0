import { DroverError, ERROR_CODES, type ErrorCode, serializeError } from "@drover/model";
import { isObject, type RemoteFailure } from "./envelope.ts";
import { plainError } from "./plain-error.ts";

/**
 * Module of every failure that is a DroverError. Its `class` is the code, so that Python's RemoteError shows it as
 * `exc_type`. No Python module has this name: a client never tries to build the class.
 */
const DROVER_MODULE = "drover";
/** Where oslo.messaging's dispatcher raises from; a stock client knows its two refusals by this. */
const DISPATCHER_MODULE = "oslo_messaging.rpc.dispatcher";

/** Why a server took no part in a request; `details.reason` of the `bad-request` that the caller gets. */
export type DispatchRefusal = "no-such-method" | "unsupported-version";

const REFUSAL_CLASSES = {
  "no-such-method": "NoSuchMethod",
  "unsupported-version": "UnsupportedVersion",
} as const satisfies Record<DispatchRefusal, string>;

/** Words the two refusals as oslo.messaging's own dispatcher does. */
export function dispatchRefusal(reason: DispatchRefusal, method: string, version: string): DroverError {
  const message =
    reason === "no-such-method"
      ? `Endpoint does not support RPC method ${method}`
      : `Endpoint does not support RPC version ${version}. Attempted method: ${method}`;
  return new DroverError("bad-request", message, { details: { reason, method, version } });
}

/**
 * What a handler threw, in oslo's shape. The chain is flattened into the message; no stack leaves the process, and
 * no error is too large for its reply.
 */
export function failureOf(error: unknown): RemoteFailure {
  const serialized = serializeError(error);
  const { code, message, details } = plainError(serialized);
  const oslo = Object.entries(REFUSAL_CLASSES).find(
    ([reason]) => code === "bad-request" && serialized.details.reason === reason,
  );
  return {
    class: oslo?.[1] ?? code,
    module: oslo === undefined ? DROVER_MODULE : DISPATCHER_MODULE,
    message,
    tb: [`${code}: ${message}\n`],
    args: [message],
    // A client that may build the class passes it `kwargs`: oslo's own two take none of ours.
    kwargs: oslo === undefined ? { details } : {},
  };
}

/**
 * The error a failure reply stands for: code, message and details of a Drover server; `internal`, with the class named,
 * for an exception of any other.
 */
export function errorOf(failure: RemoteFailure): DroverError {
  const details = isObject(failure.kwargs.details) ? failure.kwargs.details : {};
  if (failure.module === DROVER_MODULE && isErrorCode(failure.class)) {
    return new DroverError(failure.class, failure.message, { details });
  }
  const refusal = Object.entries(REFUSAL_CLASSES).find(([, name]) => name === failure.class);
  if (failure.module === DISPATCHER_MODULE && refusal !== undefined) {
    return new DroverError("bad-request", failure.message, { details: { ...details, reason: refusal[0] } });
  }
  return new DroverError("internal", `${failure.class}: ${failure.message}`, {
    details: { class: failure.class, module: failure.module },
  });
}

function isErrorCode(value: string): value is ErrorCode {
  return ERROR_CODES.some((code) => code === value);
}
