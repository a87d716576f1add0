import { type Clock, DroverError, ERROR_CODES, type SerializedError } from "@drover/model";
import { isObject, newMessageId, type RequestEnvelope } from "./envelope.ts";
import { plainError, shortened } from "./plain-error.ts";

/** A message that its server could not deal with and set aside, so that it stands in nobody's way. */
export interface ParkedMessage {
  /** For {@link Bus.releaseParked}. */
  readonly id: string;
  /** The queue that it was taken from: `<topic>` or `<topic>.<server>`. */
  readonly queue: string;
  /** Name of the server that gave up on it. */
  readonly server: string;
  /** Null where it could not be read. */
  readonly method: string | null;
  readonly requestId: string | null;
  /** Why the last try failed. */
  readonly reason: SerializedError;
  /** How often it was tried. */
  readonly tries: number;
  /** Wall clock, ms since 1970. */
  readonly parkedAtMs: number;
}

/** A parked message with what its release needs: the form in which drivers keep it, as JSON. */
export interface ParkedRecord extends ParkedMessage {
  /**
   * As it came, base64: it need not be text. Null where it was larger than {@link MAX_PARKED_BODY_BYTES}: parked all the
   * same, it can only be thrown away. To send it again take {@link parkedBody}.
   */
  readonly body: string | null;
  /** Of the body as it came, whether it was kept or not. */
  readonly sizeBytes: number;
}

/** What becomes of a parked message: sent to its queue again, as new, or thrown away. */
export type Release = "send-again" | "discard";

/** Parked messages kept at most; the oldest give way. */
export const MAX_PARKED = 10_000;
/** Larger bodies are not kept: in base64, with its reason, a record must be smaller than NATS' default of 1 MiB. */
export const MAX_PARKED_BODY_BYTES = 512 * 1024;
/** A stranger's method or request id may be of any length. */
const MAX_NAME_CHARACTERS = 256;

/** What a driver keeps of a message: whatever the message and the reason were, JSON takes it, in less than 1 MiB. */
export function parkedRecord(
  message: {
    readonly queue: string;
    readonly server: string;
    readonly body: Buffer;
    /** Undefined where it could not be read. */
    readonly request?: RequestEnvelope | undefined;
    readonly reason: SerializedError;
    readonly tries: number;
  },
  clock: Clock,
): ParkedRecord {
  const { queue, server, request, body, reason, tries } = message;
  const requestId = request?.context.request_id;
  return {
    id: newMessageId(),
    queue,
    server,
    method: request === undefined ? null : shortened(request.method, MAX_NAME_CHARACTERS),
    requestId: typeof requestId === "string" ? shortened(requestId, MAX_NAME_CHARACTERS) : null,
    reason: plainError(reason),
    tries,
    parkedAtMs: clock.now().getTime(),
    body: body.length > MAX_PARKED_BODY_BYTES ? null : body.toString("base64"),
    sizeBytes: body.length,
  };
}

/** The body of a parked message, to send it again. @throws {DroverError} `refused` where it was too large to be kept. */
export function parkedBody({ id, queue, body, sizeBytes }: ParkedRecord): Buffer {
  if (body !== null) return Buffer.from(body, "base64");
  throw new DroverError(
    "refused",
    `sending a parked message of ${queue} again: its ${sizeBytes} bytes, more than ${MAX_PARKED_BODY_BYTES}, were not kept; discard it and let its sender repeat it`,
    { details: { id, queue, sizeBytes, limitBytes: MAX_PARKED_BODY_BYTES } },
  );
}

/** Without the body: it may hold what is nobody's business. */
export function parkedMessage({ body: _body, sizeBytes: _sizeBytes, ...message }: ParkedRecord): ParkedMessage {
  return message;
}

const DEFAULT_LIST_LIMIT = 100;
const MAX_LIST_LIMIT = 1_000;

/** How many parked messages one listing gives. @throws {DroverError} `bad-request` for what is no whole number from 1 to 1000. */
export function parkedListLimit(limit: number = DEFAULT_LIST_LIMIT): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIST_LIMIT) return limit;
  throw new DroverError("bad-request", `listing parked messages: \`limit\` must be from 1 to ${MAX_LIST_LIMIT}`);
}

export function noSuchParked(id: string): DroverError {
  return new DroverError("not-found", `no message ${id} is parked`, { details: { id } });
}

/** Undefined for what is no record: others may write where drivers keep them. */
export function readParkedRecord(content: Uint8Array): ParkedRecord | undefined {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(content).toString());
  } catch {
    return undefined;
  }
  if (!isObject(record) || !isObject(record.reason)) return undefined;
  const { id, queue, server, method, requestId, tries, parkedAtMs, body, sizeBytes, reason } = record;
  const { message, details } = reason;
  const code = ERROR_CODES.find((known) => known === reason.code);
  if (typeof id !== "string" || typeof queue !== "string" || typeof server !== "string") return undefined;
  if (typeof tries !== "number" || typeof parkedAtMs !== "number" || (typeof body !== "string" && body !== null))
    return undefined;
  if (code === undefined || typeof message !== "string") return undefined;
  return {
    id,
    queue,
    server,
    method: typeof method === "string" ? method : null,
    requestId: typeof requestId === "string" ? requestId : null,
    reason: { code, message, details: isObject(details) ? details : {} },
    tries,
    parkedAtMs,
    body,
    sizeBytes: typeof sizeBytes === "number" ? sizeBytes : Buffer.byteLength(body ?? "", "base64"),
  };
}
