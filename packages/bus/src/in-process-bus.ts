import { type Clock, DroverError, type Logger, silentLogger, systemClock } from "@drover/model";
import { Bound } from "./bound.ts";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "./bus.ts";
import type { CallContract, CastContract } from "./contract.ts";
import { decodeReply, decodeRequest, encodeReply, encodeRequest, type RequestEnvelope } from "./envelope.ts";
import { type Consumer, type Deliver, type LocalMessage, LocalQueue } from "./local-queue.ts";
import {
  busClosed,
  callCutOff,
  callEnvelope,
  checkTarget,
  maxInFlightOf,
  nobodyServes,
  openCall,
  openCast,
  queueName,
} from "./outgoing.ts";
import {
  MAX_PARKED,
  noSuchParked,
  type ParkedMessage,
  type ParkedRecord,
  parkedBody,
  parkedListLimit,
  parkedMessage,
  parkedRecord,
  type Release,
} from "./parked.ts";
import { PendingCalls } from "./pending-calls.ts";
import { RequestRunner, type Settlement } from "./request-runner.ts";
import type { Sender, Trust } from "./sender.ts";

/** Names the queue in the envelope; nothing is ever sent to it. */
const REPLY_QUEUE = "reply_in_process";
/** Whoever sends here is us. */
const TRUST: Trust = { ownUser: "in-process", trustedUsers: [] };
const SENDER: Sender = { user: TRUST.ownUser, throughExchange: false };

export interface InProcessBusOptions {
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** When a queue hands on what it has: a simulation's, which takes its time. @default after the sender's turn */
  readonly deliver?: Deliver;
}

/**
 * A bus within one process, for `standalone` and for tests. Every message passes the same envelope, JSON and schemas as
 * on a broker, so that nothing works here that would not work there; queues outlive their servers.
 *
 * Weaker than a broker in one thing: what waits, or is parked, is lost with the process.
 */
export function openInProcessBus(options: InProcessBusOptions = {}): Bus {
  return new InProcessBus(options.logger ?? silentLogger, options.clock ?? systemClock, options.deliver);
}

interface LocalServer {
  readonly options: ServeOptions;
  readonly runner: RequestRunner;
  readonly shares: readonly { readonly queue: LocalQueue; readonly consumer: Consumer }[];
}

class InProcessBus implements Bus {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #deliver: Deliver | undefined;
  readonly #pending: PendingCalls;
  readonly #calls = new Bound("calls");
  /** Topics' and servers' queues, by name: declared by the first server, and kept. */
  readonly #queues = new Map<string, LocalQueue>();
  readonly #servers = new Set<LocalServer>();
  readonly #parked = new Map<string, ParkedRecord>();
  #status: BusStatus = "connected";

  constructor(logger: Logger, clock: Clock, deliver: Deliver | undefined) {
    this.#logger = logger;
    this.#clock = clock;
    this.#deliver = deliver;
    this.#pending = new PendingCalls(clock);
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const { envelope, deadlineMs } = openCall(contract, request, options);
    return this.#calls.hold(`calling ${contract.method}`, () => this.#call(contract, envelope, deadlineMs, options));
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    const { topic, method } = contract;
    const message = { body: encodeRequest(openCast(contract, request, options)), call: undefined };
    const queues = options.fanout === true ? this.#fanoutQueues(topic) : [this.#queue(contract, options.server)];
    if (this.#status === "closed") throw busClosed(method);
    if (queues.length === 0) throw nobodyServes(method, queueName(topic, undefined));
    for (const queue of queues) queue.push(message, method);
  }

  async serve(options: ServeOptions): Promise<RpcServer> {
    if (this.#status === "closed") throw new DroverError("unavailable", "serving a topic: the bus is closed");
    const { topic, server: name, handlers } = options;
    checkTarget(topic, name);
    const maxInFlight = maxInFlightOf(options);
    const logger = this.#logger.child({ topic, server: name });
    const runner = new RequestRunner({ handlers, maxInFlight, trust: TRUST, logger, clock: this.#clock });
    const queues = [
      this.#declare(queueName(topic, undefined)),
      this.#declare(queueName(topic, name)),
      new LocalQueue(queueName(topic, name), true, this.#deliver),
    ];
    const shares = queues.map((queue) => {
      const consumer: Consumer = {
        free: maxInFlight,
        receive: (message) => this.#receive(server, queue, consumer, message),
      };
      return { queue, consumer };
    });
    const server = { options, runner, shares };
    this.#servers.add(server);
    for (const { queue, consumer } of shares) queue.add(consumer);
    return { close: () => this.#closeServer(server) };
  }

  async listParked(limit?: number): Promise<readonly ParkedMessage[]> {
    const count = parkedListLimit(limit);
    if (this.#status === "closed") throw busClosed("listing parked messages");
    return [...this.#parked.values()].slice(0, count).map(parkedMessage);
  }

  async releaseParked(id: string, release: Release): Promise<void> {
    if (this.#status === "closed") throw busClosed("releasing a parked message");
    const record = this.#parked.get(id);
    if (record === undefined) throw noSuchParked(id);
    if (release === "send-again") {
      const message = { body: parkedBody(record), call: undefined };
      this.#declare(record.queue).push(message, record.method ?? "a parked message");
    }
    this.#parked.delete(id);
  }

  async ping(): Promise<void> {
    if (this.#status === "closed") throw busClosed("answering a ping");
  }

  status(): BusStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#status = "closed";
    await Promise.all([...this.#servers].map((server) => this.#closeServer(server)));
    this.#pending.failAll((contract) => callCutOff(contract, true, "the bus was closed"));
  }

  async #call<Response>(
    contract: CallContract<unknown, Response>,
    envelope: RequestEnvelope,
    deadlineMs: number,
    { server, signal }: CallOptions,
  ): Promise<Response> {
    const queue = this.#queue(contract, server);
    if (!queue.isServed) throw nobodyServes(contract.method, queue.name);
    const { messageId, response } = this.#pending.add(contract, { remainingMs: deadlineMs, deadlineMs, signal });
    try {
      const sent = { messageId, replyQueue: REPLY_QUEUE, remainingMs: deadlineMs };
      const body = encodeRequest(callEnvelope(contract, envelope, sent, this.#clock));
      const byMs = this.#clock.monotonicMs() + deadlineMs;
      queue.push({ body, call: { messageId, byMs } }, contract.method);
      this.#pending.markSent(messageId);
    } catch (error) {
      this.#pending.fail(messageId, error);
    }
    return response;
  }

  #declare(name: string): LocalQueue {
    const queue = this.#queues.get(name) ?? new LocalQueue(name, false, this.#deliver);
    this.#queues.set(name, queue);
    return queue;
  }

  /** @throws {DroverError} `agent-unreachable` when nobody ever served it. */
  #queue(contract: CallContract<unknown, unknown> | CastContract<unknown>, server: string | undefined): LocalQueue {
    if (this.#status === "closed") throw busClosed(contract.method);
    const name = queueName(contract.topic, server);
    const queue = this.#queues.get(name);
    if (queue === undefined) throw nobodyServes(contract.method, name);
    return queue;
  }

  #fanoutQueues(topic: string): LocalQueue[] {
    const servers = [...this.#servers].filter(({ options }) => options.topic === topic);
    return servers.flatMap(({ shares }) => shares.map(({ queue }) => queue).filter(({ fanout }) => fanout));
  }

  async #closeServer(server: LocalServer): Promise<void> {
    for (const { queue, consumer } of server.shares) {
      for (const { messageId } of queue.remove(consumer)) this.#pending.fail(messageId, notBegun(queue.name));
    }
    await server.runner.close();
    this.#servers.delete(server);
  }

  #receive(server: LocalServer, queue: LocalQueue, consumer: Consumer, message: LocalMessage): void {
    const { call } = message;
    const request = decodeRequest(message.body);
    server.runner.accept({
      request,
      sender: SENDER,
      expiresInMs: call === undefined ? undefined : call.byMs - this.#clock.monotonicMs(),
      lostTries: 0,
      redelivered: false,
      fanout: queue.fanout,
      taken: () => queue.release(consumer),
      reply: (reply) => this.#pending.settle(decodeReply(encodeReply(reply))),
      settled: (outcome) => {
        this.#settle(server, queue, message, outcome);
        queue.release(consumer);
      },
    });
  }

  #settle(server: LocalServer, queue: LocalQueue, message: LocalMessage, outcome: Settlement): void {
    if (outcome.kind === "again") queue.putBack(message);
    if (outcome.kind !== "park") return;
    const { reason, tries } = outcome;
    const { body } = message;
    const place = { queue: queue.name, server: server.options.server };
    const record = parkedRecord({ ...place, body, request: decodeRequest(body), reason, tries }, this.#clock);
    this.#parked.set(record.id, record);
    const [oldest] = this.#parked.size > MAX_PARKED ? this.#parked.keys() : [];
    if (oldest !== undefined) this.#parked.delete(oldest);
  }
}

function notBegun(queue: string): DroverError {
  return new DroverError("unavailable", `a call to ${queue} was not run: the server is closing`);
}
