import { randomBytes, randomUUID } from "node:crypto";
import { DroverError, type ErrorCode, errorChain } from "@drover/model";
import type { RpcContext } from "./bus.ts";

/**
 * The envelope of oslo.messaging, version 2.0: a JSON object whose `oslo.message` is itself a JSON *string*. Recorded
 * from oslo.messaging 14.0.3 on RabbitMQ; the vectors in `envelope.test.ts` are those recordings.
 */
const ENVELOPE_VERSION = "2.0";

/** Larger bodies are neither sent nor read: no request of ours comes near, and a broker holds every one in memory. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * `sealed` is oslo's envelope 2.0, which stock clients read; `bare` the message alone, oslo's first envelope version, for
 * brokers that no stock client speaks to: it is encoded once instead of twice. Both are read.
 */
export type EnvelopeForm = "sealed" | "bare";

/** What is named is remembered, by the thousand: a longer name is nobody's. AMQP's own names are no longer. */
const MAX_NAME_CHARACTERS = 255;
/** The longest silence that a caller may ask us to break; one that asks for more is served as if for this. */
const MAX_MONITOR_TIMEOUT_SECONDS = 3600;

const CONTEXT_PREFIX = "_context_";

export interface RequestEnvelope {
  readonly method: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly namespace?: string;
  /** `major.minor`; oslo's default is `1.0` where a client names none. */
  readonly version: string;
  /** 32 hex digits, new for each message: tells a redelivered message from a repeated request. */
  readonly uniqueId: string;
  /** Where the answer goes; absent for a cast. */
  readonly reply?: {
    readonly messageId: string;
    readonly queue: string;
    /** Heartbeat asked for, oslo's call monitor: an empty reply every half of it. Null for none. */
    readonly monitorTimeoutSeconds: number | null;
  };
  /** When it was sent by its sender's wall clock, and how long it is of use; a stock client does not say. */
  readonly deadline?: { readonly sentAtMs: number; readonly ttlMs: number };
  /** Every `_context_*` key without its prefix, as it came. */
  readonly context: Readonly<Record<string, unknown>>;
  /** A call that could be read only so far that it can be answered: with this. What could not be read is empty. */
  readonly fault?: DroverError;
}

/** `failure` as oslo writes it. Python raises `class` where it may import `module`, otherwise a RemoteError. */
export interface RemoteFailure {
  readonly class: string;
  readonly module: string;
  readonly message: string;
  /** Traceback lines. */
  readonly tb: readonly string[];
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

export interface ReplyEnvelope {
  readonly messageId: string;
  readonly uniqueId: string;
  readonly result: unknown;
  readonly failure: RemoteFailure | null;
  /** False for a call monitor's heartbeat. */
  readonly ending: boolean;
}

const ID_BYTES = 16;
let randomPool = Buffer.alloc(0);
let randomPoolUsed = 0;

/** 32 random hex digits, as oslo names messages and queues. Nobody can guess them: an id is all that a reply names. */
export function newMessageId(): string {
  if (randomPoolUsed === randomPool.length) {
    randomPool = randomBytes(256 * ID_BYTES);
    randomPoolUsed = 0;
  }
  randomPoolUsed += ID_BYTES;
  return randomPool.toString("hex", randomPoolUsed - ID_BYTES, randomPoolUsed);
}

/** @throws {DroverError} `bad-request` if the arguments are not JSON or the body is too large. */
export function encodeRequest(request: RequestEnvelope, form: EnvelopeForm = "sealed"): Buffer {
  const message: Record<string, unknown> = { method: request.method, args: request.args };
  if (request.namespace !== undefined) message.namespace = request.namespace;
  message.version = request.version;
  if (request.reply !== undefined) {
    message._msg_id = request.reply.messageId;
    message._reply_q = request.reply.queue;
    message._timeout = request.reply.monitorTimeoutSeconds;
  }
  message._unique_id = request.uniqueId;
  // Oslo's receiver passes over keys that it does not know.
  if (request.deadline !== undefined) {
    message._sent_at_ms = request.deadline.sentAtMs;
    message._ttl_ms = request.deadline.ttlMs;
  }
  for (const key in request.context) message[CONTEXT_PREFIX + key] = request.context[key];
  return encode(message, form, "bad-request", `request ${request.method}`);
}

/**
 * A call that says where its answer goes is a request whatever else is wrong with it: then it has a `fault`.
 *
 * @throws {DroverError} `protocol` for anything that is not a request.
 */
export function decodeRequest(body: Buffer): RequestEnvelope {
  const message = open(body);
  const { _sent_at_ms: sentAtMs, _ttl_ms: ttlMs } = message;
  const reply = replyOf(message);
  let fault: DroverError | undefined;
  const read = <Value>(key: string, reader: (object: Record<string, unknown>, key: string) => Value, none: Value) => {
    try {
      return reader(message, key);
    } catch (error) {
      if (reply === undefined) throw error;
      fault ??= new DroverError("bad-request", errorChain(error), { details: { field: key } });
      return none;
    }
  };
  const request: Mutable<RequestEnvelope> = {
    method: read("method", requireString, ""),
    args: read("args", requireObject, {}),
    version: message.version === undefined ? "1.0" : read("version", requireString, "1.0"),
    uniqueId: read("_unique_id", requireName, "") || newMessageId(),
    context: contextOf(message),
  };
  if (message.namespace !== undefined && message.namespace !== null) {
    request.namespace = read("namespace", requireString, "");
  }
  if (reply !== undefined) request.reply = reply;
  if (fault !== undefined) request.fault = fault;
  // JSON's 1e400 is infinite here.
  if (isFiniteNumber(sentAtMs) && isFiniteNumber(ttlMs)) request.deadline = { sentAtMs, ttlMs };
  return request;
}

/** Undefined for a cast. */
function replyOf(message: Record<string, unknown>): RequestEnvelope["reply"] {
  if (message._msg_id === undefined || message._msg_id === null) return undefined;
  const { _timeout: monitor } = message;
  return {
    messageId: requireName(message, "_msg_id"),
    queue: requireName(message, "_reply_q"),
    monitorTimeoutSeconds:
      isFiniteNumber(monitor) && monitor > 0 ? Math.min(monitor, MAX_MONITOR_TIMEOUT_SECONDS) : null,
  };
}

/** Without a prototype: `__proto__` is a key as any other. */
function contextOf(message: Record<string, unknown>): Record<string, unknown> {
  const context: Record<string, unknown> = Object.create(null);
  for (const key in message) {
    if (key.startsWith(CONTEXT_PREFIX)) context[key.slice(CONTEXT_PREFIX.length)] = message[key];
  }
  return context;
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** @throws {DroverError} `internal` if the result is not JSON or the body is too large. */
export function encodeReply(reply: ReplyEnvelope, form: EnvelopeForm = "sealed"): Buffer {
  return encode(
    {
      result: reply.result === undefined ? null : reply.result,
      failure: reply.failure === null ? null : JSON.stringify(reply.failure),
      ending: reply.ending,
      _msg_id: reply.messageId,
      _unique_id: reply.uniqueId,
    },
    form,
    "internal",
    "reply",
  );
}

/** @throws {DroverError} `protocol` for anything that is not a reply. */
export function decodeReply(body: Buffer): ReplyEnvelope {
  const message = open(body);
  return {
    messageId: requireString(message, "_msg_id"),
    uniqueId: requireString(message, "_unique_id"),
    result: message.result ?? null,
    failure: typeof message.failure === "string" ? decodeFailure(message.failure) : null,
    ending: message.ending === true,
  };
}

/** Oslo's key of each field of ours. */
const CONTEXT_KEYS = {
  requestId: "request_id",
  userId: "user_id",
  projectId: "project_id",
  role: "role",
  tokenId: "token_id",
  remoteAddress: "remote_address",
  traceparent: "traceparent",
} as const satisfies Record<keyof RpcContext, string>;

const OPTIONAL_FIELDS = ["userId", "projectId", "role", "tokenId", "remoteAddress", "traceparent"] as const;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export function contextToWire(context: RpcContext): Record<string, unknown> {
  const wire: Record<string, unknown> = { [CONTEXT_KEYS.requestId]: context.requestId };
  for (const field of OPTIONAL_FIELDS) {
    if (context[field] !== undefined) wire[CONTEXT_KEYS[field]] = context[field];
  }
  return wire;
}

/** Keys that Drover does not know are left out; a sender without a request id gets a new one. */
export function contextFromWire(wire: Readonly<Record<string, unknown>>): RpcContext {
  const requestId = wire[CONTEXT_KEYS.requestId];
  const context: Writable<RpcContext> = { requestId: typeof requestId === "string" ? requestId : newRequestId() };
  for (const field of OPTIONAL_FIELDS) {
    const value = wire[CONTEXT_KEYS[field]];
    if (typeof value === "string") context[field] = value;
  }
  return context;
}

export function newRequestId(): string {
  return `req-${randomUUID()}`;
}

function decodeFailure(json: string): RemoteFailure {
  const failure = parseObject(json, "failure");
  return {
    class: requireString(failure, "class"),
    module: requireString(failure, "module"),
    message: typeof failure.message === "string" ? failure.message : "",
    tb: Array.isArray(failure.tb) ? failure.tb.filter((line) => typeof line === "string") : [],
    args: Array.isArray(failure.args) ? failure.args : [],
    kwargs: isObject(failure.kwargs) ? failure.kwargs : {},
  };
}

function encode(message: Record<string, unknown>, form: EnvelopeForm, code: ErrorCode, what: string): Buffer {
  let inner: string;
  try {
    inner = JSON.stringify(message);
  } catch (cause) {
    throw new DroverError(code, `the ${what} holds a value that JSON cannot carry`, { cause });
  }
  const text = form === "bare" ? inner : JSON.stringify({ "oslo.version": ENVELOPE_VERSION, "oslo.message": inner });
  const body = Buffer.from(text);
  if (body.length > MAX_BODY_BYTES) {
    throw new DroverError(code, `the ${what} is ${body.length} bytes, more than ${MAX_BODY_BYTES}`);
  }
  return body;
}

function open(body: Buffer): Record<string, unknown> {
  if (body.length > MAX_BODY_BYTES) {
    throw new DroverError("protocol", `a message of ${body.length} bytes, more than ${MAX_BODY_BYTES}`);
  }
  const outer = parseObject(body.toString("utf8"), "message");
  const version = outer["oslo.version"];
  const inner = outer["oslo.message"];
  // A body without the two keys is the bare inner object: oslo's first envelope version.
  if (version === undefined && inner === undefined) return outer;
  if (typeof version !== "string" || version.split(".")[0] !== "2") {
    throw new DroverError("protocol", `a message of envelope version ${String(version)}; ${ENVELOPE_VERSION} is read`);
  }
  return parseObject(requireString(outer, "oslo.message"), "oslo.message");
}

function parseObject(json: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new DroverError("protocol", `\`${what}\` is not JSON`, { cause });
  }
  if (!isObject(value)) throw new DroverError("protocol", `\`${what}\` is not a JSON object`);
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function requireString(object: Record<string, unknown>, key: string): string {
  const value = object[key];
  if (typeof value !== "string") throw new DroverError("protocol", `\`${key}\` of a message is not a string`);
  return value;
}

function requireName(object: Record<string, unknown>, key: string): string {
  const name = requireString(object, key);
  if (name !== "" && name.length <= MAX_NAME_CHARACTERS) return name;
  throw new DroverError("protocol", `\`${key}\` of a message is not 1 to ${MAX_NAME_CHARACTERS} characters`);
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function requireObject(object: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = object[key];
  if (!isObject(value)) throw new DroverError("protocol", `\`${key}\` of a message is not an object`);
  return value;
}
