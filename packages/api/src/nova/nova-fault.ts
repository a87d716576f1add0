import { type ErrorCode, errorCodeOf, isDroverError } from "@drover/model";

/** An answer that says no, in Nova's form: one key that names the fault, holding code and message. */
export class NovaFault extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export type NovaFaultBody = Readonly<
  Record<string, { readonly code: number; readonly title?: string; readonly message: string }>
>;

/** Nova's names of faults, by status (nova/api/openstack/wsgi.py); anything else is a `computeFault`. */
const faultNames: Readonly<Record<number, string>> = {
  400: "badRequest",
  403: "forbidden",
  404: "itemNotFound",
  405: "badMethod",
  409: "conflictingRequest",
  413: "overLimit",
  415: "badMediaType",
  429: "overLimit",
  501: "notImplemented",
  503: "serviceUnavailable",
};

export function faultBody(fault: NovaFault): NovaFaultBody {
  // Not Nova's but Keystone's, whose middleware stands before Nova.
  if (fault.status === 401) return { error: { code: 401, title: "Unauthorized", message: fault.message } };
  return { [faultNames[fault.status] ?? "computeFault"]: { code: fault.status, message: fault.message } };
}

/** What Nova has and this fleet has not; `remedy` says what there is instead. Nova's own code for it. */
export function notSupported(remedy: string): NovaFault {
  return new NovaFault(501, `The requested functionality is not supported. ${remedy}`);
}

/** Drover's codes as a Nova client expects them; what it cannot tell apart is the same status. */
const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  "pre-check-failed": 400,
  "no-eligible-host": 400,
  "not-found": 404,
  "bad-request": 400,
  unauthenticated: 401,
  forbidden: 403,
  refused: 409,
  conflict: 409,
  "too-many-requests": 429,
  "agent-unreachable": 503,
  unavailable: 503,
  "deadline-exceeded": 504,
  "outcome-unknown": 504,
  libvirt: 500,
  protocol: 500,
  internal: 500,
};

/** Any thrown value as a fault. Of a bug the caller learns only the request id; the log has the rest. */
export function novaFaultOf(error: unknown, requestId: string): NovaFault {
  if (error instanceof NovaFault) return error;
  const mistake = clientMistake(error);
  if (mistake !== undefined) return mistake;
  const code = errorCodeOf(error);
  if (isDroverError(error) && code !== "internal")
    return new NovaFault(statusOfCode[code], error.message, { cause: error });
  const message = `Unexpected API Error. The log has the details under ${requestId}.`;
  return new NovaFault(500, message, { cause: error });
}

/** Fastify's own refusals carry a status: malformed JSON, a body too large, a media type that is not JSON. */
function clientMistake(error: unknown): NovaFault | undefined {
  if (!(error instanceof Error) || isDroverError(error) || !("statusCode" in error)) return undefined;
  const { statusCode } = error;
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode >= 500) return undefined;
  return new NovaFault(statusCode, mistakeMessages[statusCode] ?? error.message, { cause: error });
}

/** Nova's sentences, where it has one. */
const mistakeMessages: Readonly<Record<number, string>> = {
  400: "Malformed request body",
  413: "Request is too large.",
  415: "Unsupported Content-Type; send application/json",
};
