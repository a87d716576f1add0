/** What /v1 says beside an error's message: ids, names, lists; the shape depends on the code. */
export type ApiErrorDetails = Readonly<Record<string, unknown>>;

export interface ApiErrorFields {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details: ApiErrorDetails;
  readonly requestId: string | null;
}

/**
 * Drover answered, and the answer is no. `code` is one of the error codes of /v1 (`not-found`, `refused`,
 * `pre-check-failed`, …; the table is in `@drover/model`), `message` names what and the remedy, `requestId` is the one
 * in Drover's log. A code of a newer Drover arrives as it is.
 */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number;
  readonly code: string;
  readonly details: ApiErrorDetails;
  /** Null when the answer carried none. */
  readonly requestId: string | null;

  constructor({ status, code, message, details, requestId }: ApiErrorFields) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
    this.requestId = requestId;
  }

  override get name(): string {
    return "ApiError";
  }
}

/**
 * Nobody answered as Drover: the connection was refused or cut, the answer did not come in time, or something else
 * listens there. After a POST the work may have begun all the same: look before repeating it. `message` names the URL
 * and the remedy, `cause` is what the network said.
 */
export class ApiUnreachableError extends Error {
  readonly url: string;

  constructor(url: string, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.url = url;
  }

  override get name(): string {
    return "ApiUnreachableError";
  }
}

/** Reads the error body of /v1; `undefined` when it is not one. */
export function readApiError(status: number, body: unknown): ApiError | undefined {
  const error = field(body, "error");
  const code = field(error, "code");
  const message = field(error, "message");
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  const requestId = field(error, "requestId");
  return new ApiError({
    status,
    code,
    message,
    details: recordOf(field(error, "details")),
    requestId: typeof requestId === "string" ? requestId : null,
  });
}

function field(value: unknown, name: string): unknown {
  return recordOf(value)[name];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
