import { type Clock, DroverError, ERROR_CODES, type SerializedError } from "@drover/model";
import { isObject, newMessageId, type RequestEnvelope } from "./envelope.ts";

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
  /** As it came, base64: it need not be text. */
  readonly body: string;
}

/** What becomes of a parked message: sent to its queue again, as new, or thrown away. */
export type Release = "send-again" | "discard";

/** Parked messages kept at most; the oldest give way. */
export const MAX_PARKED = 10_000;

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
  const { request, body, ...rest } = message;
  const requestId = request?.context.request_id;
  return {
    ...rest,
    id: newMessageId(),
    method: request?.method ?? null,
    requestId: typeof requestId === "string" ? requestId : null,
    parkedAtMs: clock.now().getTime(),
    body: body.toString("base64"),
  };
}

/** Without the body: it may hold what is nobody's business. */
export function parkedMessage({ body: _, ...message }: ParkedRecord): ParkedMessage {
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
  const { id, queue, server, method, requestId, tries, parkedAtMs, body, reason } = record;
  const { message, details } = reason;
  const code = ERROR_CODES.find((known) => known === reason.code);
  if (typeof id !== "string" || typeof queue !== "string" || typeof server !== "string") return undefined;
  if (typeof tries !== "number" || typeof parkedAtMs !== "number" || typeof body !== "string") return undefined;
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
  };
}
