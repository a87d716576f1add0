import { DroverError, type ErrorCode, isDroverError, serializeError } from "@drover/model";
import type { ErrorBody } from "./schemas.ts";

/** The status is picked by who will read it: the caller's mistakes are 4xx, ours and our services' 5xx. */
const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  "pre-check-failed": 400,
  "bad-request": 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  refused: 409,
  conflict: 409,
  "too-many-requests": 429,
  internal: 500,
  libvirt: 502,
  protocol: 502,
  "agent-unreachable": 503,
  unavailable: 503,
  "deadline-exceeded": 504,
  "outcome-unknown": 504,
  "no-eligible-host": 507,
};

export interface ErrorReply {
  readonly status: number;
  readonly body: ErrorBody;
}

/** Any thrown value as `/v1` answers it. Of a bug the caller learns only the request id; the log has the rest. */
export function errorReply(error: unknown, requestId: string): ErrorReply {
  const mistake = clientMistake(error);
  if (mistake !== undefined) return reply(mistake.status, mistake.error, requestId);
  if (isDroverError(error) && error.code !== "internal") return reply(statusOfCode[error.code], error, requestId);
  const hidden = new DroverError("internal", `an internal error; the log has the details under ${requestId}`);
  return reply(500, hidden, requestId);
}

function reply(status: number, error: DroverError, requestId: string): ErrorReply {
  const { code, message, details } = serializeError(error);
  return { status, body: { error: { code, message, details: { ...details }, requestId } } };
}

/** What Fastify refused by itself: a malformed or too large body, a wrong media type, a field that fits no schema. */
function clientMistake(error: unknown): { readonly status: number; readonly error: DroverError } | undefined {
  if (!(error instanceof Error) || isDroverError(error)) return undefined;
  const problems = validationProblems(error);
  if (problems !== undefined) {
    return { status: 400, error: new DroverError("bad-request", problems.join("; "), { details: { problems } }) };
  }
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (typeof status !== "number" || status < 400 || status >= 500) return undefined;
  return { status, error: new DroverError("bad-request", error.message) };
}

/** `["body/host must be …"]` */
function validationProblems(error: Error): readonly string[] | undefined {
  if (!("validation" in error) || !Array.isArray(error.validation)) return undefined;
  const where = "validationContext" in error ? String(error.validationContext) : "request";
  return error.validation.map((problem: unknown) => {
    const at = typeof problem === "object" && problem !== null ? problem : {};
    const path = "instancePath" in at ? String(at.instancePath) : "";
    const message = "message" in at ? String(at.message) : "does not fit";
    return `${where}${path}: ${message}`;
  });
}
