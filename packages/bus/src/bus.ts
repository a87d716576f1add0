import type { CallContract, CastContract } from "./contract.ts";
import type { ParkedMessage, Release } from "./parked.ts";
import type { Sender } from "./sender.ts";
import { checkRequest } from "./validation.ts";

/** Travels with every request, as oslo.messaging's `_context_*` keys. */
export interface RpcContext {
  /** `req-<uuid>` of the HTTP request or of the work that caused this one. */
  readonly requestId: string;
  readonly userId?: string;
  readonly projectId?: string;
  /** Of a request that came in over HTTP: the role and the id of its token, and the address that it came from. */
  readonly role?: string;
  readonly tokenId?: string;
  readonly remoteAddress?: string;
  /** W3C trace context, as it came with the request that caused this one. */
  readonly traceparent?: string;
}

export interface CallOptions {
  /** One server of the topic (a host, for the compute topics); without it any server of the topic. */
  readonly server?: string;
  readonly context?: RpcContext;
  /** Shorter than the contract's own. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface CastOptions {
  readonly server?: string;
  /** To every server of the topic that is there now, at most once each; `server` has no meaning then. */
  readonly fanout?: boolean;
  readonly context?: RpcContext;
}

/** What a handler knows beside its request. */
export interface RpcInfo {
  readonly context: RpcContext;
  /** Aborted when the caller's deadline passes or the server closes. */
  readonly signal: AbortSignal;
  readonly sender: Sender;
  /** It came from a conductor or an API, or whom this server trusts as one: what the context says of a token was found out there. */
  readonly fromControlPlane: boolean;
}

/** A contract bound to the function that serves it; made by `handle`. */
export interface RpcHandler {
  readonly contract: CallContract<unknown, unknown> | CastContract<unknown>;
  /** Checks the arguments. @throws {DroverError} `bad-request` naming the field. */
  read(args: unknown): ReadRequest;
}

/** A request that has passed its schema. */
export interface ReadRequest {
  readonly request: unknown;
  run(info: RpcInfo): Promise<unknown>;
}

/**
 * Binds a handler to its contract with both ends' types checked by the compiler. A request that does not pass the schema
 * never reaches `run`: the caller gets `bad-request` naming the field.
 */
export function handle<Request, Response>(
  contract: CallContract<Request, Response> | CastContract<Request>,
  run: (request: Request, info: RpcInfo) => Promise<Response>,
): RpcHandler {
  return {
    contract,
    read: (args) => {
      const request = checkRequest(contract, args);
      return { request, run: (info) => run(request, info) };
    },
  };
}

export interface ServeOptions {
  readonly topic: string;
  /** Name of this server within the topic: the host, or a process id of its own. */
  readonly server: string;
  readonly handlers: readonly RpcHandler[];
  /** Requests worked on at the same time; more wait in the broker. @default 64 */
  readonly maxInFlight?: number;
}

/** A topic being served. */
export interface RpcServer {
  /** Takes no new request, waits for those under way. Never rejects. */
  close(): Promise<void>;
}

export type BusStatus = "connecting" | "connected" | "closed";

/**
 * RPC between Drover's processes. Promises, the same for every driver:
 *
 * - A call that is not idempotent runs at most once; one that is may run again where a connection broke. It rejects with
 *   `agent-unreachable` when the broker knows that nobody serves the target, `deadline-exceeded` when our wait ended,
 *   `outcome-unknown` when a connection broke after the request was sent and the contract is not idempotent,
 *   `unavailable` when the broker is away for all of the deadline, `bad-request` naming the field when the request
 *   breaks its schema, `protocol` when the response does, or with the handler's own DroverError (code, message and
 *   details travel). A caller's signal rejects with the signal's own reason; the handler goes on.
 *   A request that its sender may not make is answered `forbidden` (see {@link Access}).
 * - A cast resolves when the broker has it (delivered at least once, in any order, also to a server that is away now);
 *   rejects with `agent-unreachable` when no queue takes it, `unavailable` when the broker is away for 10 s or its
 *   connection breaks: then it may have arrived all the same. One whose handler fails is tried again, then parked: see
 *   {@link Bus.listParked}.
 * - A server that loses its broker declares and consumes again by itself.
 */
export interface Bus {
  call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  cast<Request>(contract: CastContract<Request>, request: Request, options?: CastOptions): Promise<void>;
  /** Resolves when the topic is being served, or will be as soon as the broker is there. */
  serve(options: ServeOptions): Promise<RpcServer>;
  status(): BusStatus;
  /**
   * Messages that servers gave up on, oldest first, of all topics. While one call reads them another may see fewer.
   *
   * @param limit From 1 to 1000. @default 100 @throws `unavailable`, `bad-request`.
   */
  listParked(limit?: number): Promise<readonly ParkedMessage[]>;
  /** Sends a parked message again, or throws it away. @throws `not-found` if it is not parked any more, `unavailable`. */
  releaseParked(id: string, release: Release): Promise<void>;
  /** For readiness. @throws `unavailable` unless {@link Bus.status} is `connected`. */
  ping(): Promise<void>;
  /** Closes servers, then the connection. Calls under way are rejected as when a connection breaks. */
  close(): Promise<void>;
}
