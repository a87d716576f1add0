import { type Clock, DroverError, type Logger, silentLogger, systemClock } from "@drover/model";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "./bus.ts";
import type { CallContract, CastContract } from "./contract.ts";
import { decodeReply, decodeRequest, encodeReply, encodeRequest, type RequestEnvelope } from "./envelope.ts";
import {
  busClosed,
  callEnvelope,
  deadlineOf,
  maxInFlightOf,
  nobodyServes,
  queueName,
  requestEnvelope,
} from "./outgoing.ts";
import type { ParkedMessage } from "./parked.ts";
import { PendingCalls } from "./pending-calls.ts";
import { RequestRunner } from "./request-runner.ts";
import type { Sender, Trust } from "./sender.ts";

/** Requests that may wait for one server; a broker would hold them, here it is our memory. */
const MAX_WAITING = 10_000;
/** Names the queue in the envelope; nothing is ever sent to it. */
const REPLY_QUEUE = "reply_in_process";
/** Whoever sends here is us. */
const TRUST: Trust = { ownUser: "in-process", trustedUsers: [] };
const SENDER: Sender = { user: TRUST.ownUser, throughExchange: false };

export interface InProcessBusOptions {
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * A bus within one process, for `standalone` and for tests. Every message passes the same envelope, JSON and schemas as
 * on AMQP, so that nothing works here that would not work there.
 *
 * Weaker than a broker in one thing: a cast is lost with the process, and is not kept for a server that is not there
 * (`agent-unreachable`).
 */
export function openInProcessBus(options: InProcessBusOptions = {}): Bus {
  return new InProcessBus(options.logger ?? silentLogger, options.clock ?? systemClock);
}

interface LocalServer {
  readonly topic: string;
  readonly server: string;
  readonly runner: RequestRunner;
}

class InProcessBus implements Bus {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pending: PendingCalls;
  readonly #servers = new Set<LocalServer>();
  #status: BusStatus = "connected";

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#pending = new PendingCalls(clock);
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const envelope = requestEnvelope(contract, request, options.context);
    const deadlineMs = deadlineOf(contract, options);
    options.signal?.throwIfAborted();
    const [server] = this.#choose(contract, options);
    const { messageId, response } = this.#pending.add(contract, {
      remainingMs: deadlineMs,
      deadlineMs,
      signal: options.signal,
    });
    try {
      const sent = { messageId, replyQueue: REPLY_QUEUE, remainingMs: deadlineMs };
      this.#deliver(server, callEnvelope(contract, envelope, sent, this.#clock), deadlineMs);
    } catch (error) {
      this.#pending.fail(messageId, error);
    }
    return response;
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    const envelope = requestEnvelope(contract, request, options.context);
    for (const server of this.#choose(contract, options)) this.#deliver(server, envelope, undefined);
  }

  async serve(options: ServeOptions): Promise<RpcServer> {
    if (this.#status === "closed") throw new DroverError("unavailable", "serving a topic: the bus is closed");
    const { topic, server } = options;
    const runner = new RequestRunner({
      handlers: options.handlers,
      maxInFlight: maxInFlightOf(options),
      trust: TRUST,
      logger: this.#logger.child({ topic, server }),
      clock: this.#clock,
    });
    const local = { topic, server, runner };
    this.#servers.add(local);
    return {
      close: async () => {
        this.#servers.delete(local);
        await runner.close();
      },
    };
  }

  async listParked(): Promise<readonly ParkedMessage[]> {
    return [];
  }

  async releaseParked(id: string): Promise<void> {
    throw new DroverError("not-found", `no message ${id} is parked`, { details: { id } });
  }

  async ping(): Promise<void> {
    if (this.#status === "closed") throw busClosed("answering a ping");
  }

  status(): BusStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#status = "closed";
    const servers = [...this.#servers];
    this.#servers.clear();
    await Promise.all(servers.map(({ runner }) => runner.close()));
    this.#pending.failAll((contract) => busClosed(contract.method));
  }

  /** Whom a request goes to: every server for a fanout, otherwise one. */
  #choose(
    contract: CallContract<unknown, unknown> | CastContract<unknown>,
    options: CastOptions,
  ): [LocalServer, ...LocalServer[]] {
    if (this.#status === "closed") throw busClosed(contract.method);
    const wanted = options.fanout === true ? undefined : options.server;
    const [first, ...others] = [...this.#servers].filter(
      ({ topic, server }) => topic === contract.topic && (wanted === undefined || server === wanted),
    );
    if (first === undefined) throw nobodyServes(contract.method, queueName(contract.topic, wanted));
    if (options.fanout === true) return [first, ...others];
    // The one that served last goes to the end of the line.
    this.#servers.delete(first);
    this.#servers.add(first);
    return [first];
  }

  #deliver({ runner }: LocalServer, envelope: RequestEnvelope, expiresInMs: number | undefined): void {
    const body = encodeRequest(envelope);
    if (runner.waiting >= MAX_WAITING) {
      throw new DroverError("unavailable", `sending ${envelope.method}: ${MAX_WAITING} requests wait for its server`);
    }
    // After the sender's own turn, as with a broker: no handler runs inside a call to `cast`.
    setImmediate(() =>
      runner.accept({
        request: decodeRequest(body),
        expiresInMs,
        sender: SENDER,
        lostTries: 0,
        redelivered: false,
        taken: () => {},
        reply: (reply) => this.#pending.settle(decodeReply(encodeReply(reply))),
        settled: () => {},
      }),
    );
  }
}
