import { type Clock, DroverError } from "@drover/model";
import type { CallOptions, CastOptions, RpcContext, ServeOptions } from "./bus.ts";
import type { CallContract, CastContract } from "./contract.ts";
import { contextToWire, newMessageId, newRequestId, type RequestEnvelope } from "./envelope.ts";
import { currentContext } from "./rpc-context.ts";
import { checkRequest, namedArguments } from "./validation.ts";

/** A cast made while the broker is away waits this long for it. A call waits as long as its own deadline allows. */
export const CAST_CONNECT_WAIT_MS = 10_000;
/** A cast that the broker does not confirm within this is given up. */
export const CONFIRM_WAIT_MS = 10_000;

/** No call waits longer: brokers and timers have bounds of their own, from 24.8 days on. */
export const MAX_DEADLINE_MS = 24 * 60 * 60 * 1000;

/**
 * What every call goes through before it is sent: its target, its schema, its deadline, its caller's signal.
 *
 * @throws {DroverError} `bad-request` naming the field; the signal's reason where that is aborted already.
 */
export function openCall(
  contract: CallContract<unknown, unknown>,
  request: unknown,
  options: CallOptions,
): { readonly envelope: RequestEnvelope; readonly deadlineMs: number } {
  checkTarget(contract.topic, options.server);
  const envelope = requestEnvelope(contract, request, options.context);
  const deadlineMs = deadlineOf(contract, options);
  options.signal?.throwIfAborted();
  return { envelope, deadlineMs };
}

/** The same for a cast. A fanout has no target but its topic. @throws {DroverError} `bad-request` naming the field. */
export function openCast(contract: CastContract<unknown>, request: unknown, options: CastOptions): RequestEnvelope {
  checkTarget(contract.topic, options.fanout === true ? undefined : options.server);
  return requestEnvelope(contract, request, options.context);
}

function requestEnvelope(
  contract: CallContract<unknown, unknown> | CastContract<unknown>,
  request: unknown,
  context: RpcContext | undefined,
): RequestEnvelope {
  return {
    method: contract.method,
    args: namedArguments(contract.method, checkRequest(contract, request)),
    ...(contract.namespace === undefined ? {} : { namespace: contract.namespace }),
    version: contract.version,
    uniqueId: newMessageId(),
    context: contextToWire(context ?? currentContext() ?? { requestId: newRequestId() }),
  };
}

/**
 * The envelope of a call: where its answer goes, the signs of life that its contract asks for, and what is left of its
 * deadline.
 */
export function callEnvelope(
  contract: CallContract<unknown, unknown>,
  request: RequestEnvelope,
  call: { readonly messageId: string; readonly replyQueue: string; readonly remainingMs: number },
  clock: Clock,
): CallEnvelope {
  const { messageId, replyQueue: queue, remainingMs: ttlMs } = call;
  const { monitorTimeoutMs } = contract;
  const monitorTimeoutSeconds = monitorTimeoutMs === undefined ? null : monitorTimeoutMs / 1000;
  return {
    ...request,
    reply: { messageId, queue, monitorTimeoutSeconds },
    deadline: { sentAtMs: clock.now().getTime(), ttlMs },
  };
}

export type CallEnvelope = RequestEnvelope & Required<Pick<RequestEnvelope, "reply" | "deadline">>;

/** The shorter of the contract's deadline and the caller's, a day at most. */
function deadlineOf(contract: CallContract<unknown, unknown>, options: CallOptions): number {
  const deadlineMs = Math.min(contract.deadlineMs, options.deadlineMs ?? MAX_DEADLINE_MS, MAX_DEADLINE_MS);
  if (deadlineMs > 0) return Math.ceil(deadlineMs);
  throw new DroverError("bad-request", `calling ${contract.method}: \`deadlineMs\` must be more than 0`);
}

/** Name of the queue that takes requests of a topic, or of one server of it. */
export function queueName(topic: string, server: string | undefined): string {
  return server === undefined ? topic : `${topic}.${server}`;
}

/** The topic and the server that {@link queueName} was made of. A topic has no dot in it, a server may. */
export function queueTarget(queue: string): { readonly topic: string; readonly server: string | undefined } {
  const dot = queue.indexOf(".");
  if (dot === -1) return { topic: queue, server: undefined };
  return { topic: queue.slice(0, dot), server: queue.slice(dot + 1) };
}

/**
 * Topic and server together, UTF-8. AMQP's names have at most 255 bytes, the longest of ours is
 * `<topic>_fanout_<server>_<32 hex digits>`: 214 are left, and some are kept in hand.
 */
const MAX_TARGET_BYTES = 200;

/** What every call, cast and server goes through first. @throws {DroverError} `bad-request` naming the field. */
export function checkTarget(topic: string, server: string | undefined): void {
  for (const [field, name] of Object.entries({ topic, server })) {
    if (name === undefined) continue;
    if (name === "") throw badTarget(field, "is empty");
    if (/\p{Cc}/u.test(name)) throw badTarget(field, "has a control character in it");
  }
  const bytes = Buffer.byteLength(topic) + Buffer.byteLength(server ?? "");
  if (bytes <= MAX_TARGET_BYTES) return;
  const limit = `makes topic and server ${bytes} bytes together, more than ${MAX_TARGET_BYTES}`;
  throw badTarget(server === undefined || topic.length > server.length ? "topic" : "server", limit);
}

function badTarget(field: string, what: string): DroverError {
  return new DroverError("bad-request", `addressing a server: \`${field}\` ${what}`, {
    details: { field, limitBytes: MAX_TARGET_BYTES },
  });
}

const DEFAULT_MAX_IN_FLIGHT = 64;

/** @throws {DroverError} `bad-request` for what is no whole number from 1 up. */
export function maxInFlightOf(options: ServeOptions): number {
  const { maxInFlight = DEFAULT_MAX_IN_FLIGHT, topic } = options;
  if (Number.isInteger(maxInFlight) && maxInFlight >= 1) return maxInFlight;
  throw new DroverError("bad-request", `serving ${topic}: \`maxInFlight\` must be a whole number from 1 up`);
}

export function nobodyServes(method: string, queue: string): DroverError {
  return new DroverError("agent-unreachable", `sending ${method}: nobody serves ${queue}`, {
    details: { method, queue },
  });
}

export function busClosed(method: string): DroverError {
  return new DroverError("unavailable", `sending ${method}: the bus is closed`);
}

/** How a call ends when its connection breaks or its bus closes. @param what Whole words: `the bus was closed`. */
export function callCutOff(contract: CallContract<unknown, unknown>, sent: boolean, what: string): DroverError {
  const code = sent && !contract.idempotent ? "outcome-unknown" : "unavailable";
  const taken = sent ? "it may have been carried out" : "it was not sent";
  return new DroverError(code, `calling ${contract.method}: ${what}; ${taken}`);
}
