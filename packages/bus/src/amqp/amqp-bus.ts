import {
  type Clock,
  DroverError,
  errorChain,
  isDroverError,
  type Logger,
  silentLogger,
  systemClock,
} from "@drover/model";
import { BrokerLink } from "../broker-link.ts";
import type { BrokerTls } from "../broker-tls.ts";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "../bus.ts";
import type { CallContract, CastContract } from "../contract.ts";
import { decodeReply, encodeRequest } from "../envelope.ts";
import {
  busClosed,
  CAST_CONNECT_WAIT_MS,
  type CallEnvelope,
  CONFIRM_WAIT_MS,
  callCutOff,
  callEnvelope,
  deadlineOf,
  MAX_PENDING_CASTS,
  nobodyServes,
  queueName,
  requestEnvelope,
} from "../outgoing.ts";
import { type ParkedMessage, parkedListLimit, type Release } from "../parked.ts";
import { PendingCalls } from "../pending-calls.ts";
import type { Trust } from "../sender.ts";
import { AmqpSession } from "./amqp-session.ts";
import { brokerAddresses } from "./broker-address.ts";
import { isRefusal } from "./broker-refusal.ts";
import { LateReplies } from "./late-replies.ts";
import { ParkedQueue } from "./parked-queue.ts";
import type { PublishOutcome } from "./publisher.ts";
import { TopicServer } from "./topic-server.ts";
import {
  declareFanoutExchange,
  declareForAgents,
  declareTransientQueue,
  fanoutExchange,
  newReplyQueue,
} from "./topology.ts";

export interface AmqpBusOptions {
  /** `amqp://user:password@host:5672/vhost`, `amqps://…`; several name a cluster's members, tried in turn. */
  readonly urls: readonly string[];
  /** Names the connections at the broker. */
  readonly name: string;
  /** Topic exchange that stock oslo.messaging clients publish to; their `control_exchange`. @default "drover" */
  readonly controlExchange?: string;
  /** Users whose commands are obeyed, beside our own. @default none */
  readonly trustedUsers?: readonly string[];
  readonly tls?: BrokerTls;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * A bus over RabbitMQ, in oslo.messaging's envelope and topology. Returns at once, also while no broker can be reached:
 * it is looked for until {@link Bus.close}, and {@link Bus.status} tells.
 *
 * @throws {DroverError} `bad-request` if an address is not an AMQP one.
 */
export function openAmqpBus(options: AmqpBusOptions): Bus {
  return new AmqpBus(options);
}

class AmqpBus implements Bus {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #controlExchange: string;
  readonly #trust: Trust;
  readonly #link: BrokerLink<AmqpSession>;
  readonly #lateReplies: LateReplies;
  readonly #pending: PendingCalls;
  readonly #servers = new Set<TopicServer>();
  readonly #parked: ParkedQueue;
  readonly #replyQueue: string;
  #pendingCasts = 0;

  constructor(options: AmqpBusOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#controlExchange = options.controlExchange ?? "drover";
    this.#pending = new PendingCalls(this.#clock);
    const addresses = brokerAddresses(options.urls);
    const ownUser = addresses[0].user;
    this.#trust = { ownUser, trustedUsers: options.trustedUsers ?? [] };
    this.#parked = new ParkedQueue(this.#trust);
    this.#replyQueue = newReplyQueue(ownUser);
    const sessionOptions = {
      name: options.name,
      tls: options.tls,
      logger: this.#logger,
      clock: this.#clock,
      onReturned: (messageId: string, queue: string) => this.#pending.fail(messageId, nobodyServes("a call", queue)),
      onReplyReturned: (queue: string, body: Buffer) => this.#lateReplies.add(queue, body),
    };
    this.#link = new BrokerLink({
      dialers: addresses.map((address) => ({
        label: address.label,
        open: () => AmqpSession.open(address, sessionOptions),
      })),
      setups: [
        (session) => declareForAgents(session, this.#controlExchange, this.#logger),
        (session) => this.#consumeReplies(session),
      ],
      isRefusal,
      logger: this.#logger,
      clock: this.#clock,
    });
    this.#lateReplies = new LateReplies({ link: this.#link, logger: this.#logger, clock: this.#clock });
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const startedMs = this.#clock.monotonicMs();
    const envelope = requestEnvelope(contract, request, options.context);
    const deadlineMs = deadlineOf(contract, options);
    const { signal } = options;
    signal?.throwIfAborted();
    const session = await this.#session(contract.method, deadlineMs, signal);
    const byMs = startedMs + deadlineMs;
    const remainingMs = byMs - this.#clock.monotonicMs();
    const { messageId, response } = this.#pending.add(contract, { remainingMs, deadlineMs, signal });
    const call = { messageId, replyQueue: this.#replyQueue, remainingMs };
    const message = callEnvelope(contract, envelope, call, this.#clock);
    const queue = queueName(contract.topic, options.server);
    const ended = session.consumers.begin(queue);
    this.#sendCall(session, contract, message, queue, byMs).catch((error) => this.#pending.fail(messageId, error));
    // A queue whose answers fail is asked for its consumers again.
    response.then(
      () => ended(false),
      () => ended(true),
    );
    return response;
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    const { topic, method } = contract;
    const body = encodeRequest(requestEnvelope(contract, request, options.context));
    const fanout = options.fanout === true;
    const routingKey = fanout ? "" : queueName(topic, options.server);
    const message = { exchange: fanout ? fanoutExchange(topic) : "", routingKey, body };
    if (this.#pendingCasts >= MAX_PENDING_CASTS) {
      throw new DroverError("unavailable", `sending ${method}: ${MAX_PENDING_CASTS} casts wait for the broker already`);
    }
    this.#pendingCasts += 1;
    try {
      const session = await this.#session(method, CAST_CONNECT_WAIT_MS);
      if (fanout) await this.#declareFanout(session, method, topic);
      const outcome = await this.#confirmed(method, (isWanted) => session.publish({ ...message, isWanted }));
      if (outcome === "returned") throw nobodyServes(method, fanout ? fanoutExchange(topic) : routingKey);
    } finally {
      this.#pendingCasts -= 1;
    }
  }

  async serve(options: ServeOptions): Promise<RpcServer> {
    const { topic } = options;
    if (this.status() === "closed") throw new DroverError("unavailable", `serving ${topic}: the bus is closed`);
    const server = new TopicServer({
      ...options,
      link: this.#link,
      controlExchange: this.#controlExchange,
      trust: this.#trust,
      logger: this.#logger,
      clock: this.#clock,
    });
    try {
      await server.start();
    } catch (cause) {
      throw new DroverError("refused", `serving ${topic}: the broker refuses its queues`, { cause });
    }
    this.#servers.add(server);
    return {
      close: async () => {
        this.#servers.delete(server);
        await server.close();
      },
    };
  }

  async listParked(limit?: number): Promise<readonly ParkedMessage[]> {
    const count = parkedListLimit(limit);
    return this.#withParked("listing parked messages", (session) => this.#parked.list(session, count));
  }

  async releaseParked(id: string, release: Release): Promise<void> {
    await this.#withParked(`releasing the parked message ${id}`, (session) =>
      this.#parked.release(session, id, release),
    );
  }

  async ping(): Promise<void> {
    if (this.status() !== "connected") throw new DroverError("unavailable", "the broker is away");
  }

  status(): BusStatus {
    return this.#link.status();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#servers.clear();
    this.#lateReplies.close();
    await this.#link.close();
    this.#pending.failAll((contract) => busClosed(contract.method));
  }

  async #session(method: string, maxWaitMs: number, signal?: AbortSignal): Promise<AmqpSession> {
    try {
      return await this.#link.session(maxWaitMs, signal);
    } catch (cause) {
      if (!isDroverError(cause, "unavailable")) throw cause;
      throw new DroverError("unavailable", `sending ${method}`, { cause });
    }
  }

  async #sendCall(
    session: AmqpSession,
    contract: CallContract<unknown, unknown>,
    request: CallEnvelope,
    queue: string,
    byMs: number,
  ): Promise<void> {
    const { messageId } = request.reply;
    const body = encodeRequest(request);
    const served = session.consumers.isServed(queue);
    if (served !== true && !(await served)) throw nobodyServes(contract.method, queue);
    await session.send({
      exchange: "",
      routingKey: queue,
      body,
      messageId,
      expirationMs: () => Math.max(1, Math.floor(byMs - this.#clock.monotonicMs())),
      isWanted: () => this.#pending.has(messageId),
      onWritten: () => this.#pending.markSent(messageId),
    });
  }

  /** The exchange goes away with its last server, and a message to one that is not there would cost us the channel. */
  async #declareFanout(session: AmqpSession, method: string, topic: string): Promise<void> {
    try {
      await session.scratch((channel) => declareFanoutExchange(channel, topic));
    } catch (cause) {
      const code = isRefusal(cause) ? "refused" : "unavailable";
      throw new DroverError(code, `sending ${method} to every server of ${topic}`, { cause });
    }
  }

  async #withParked<Result>(doing: string, work: (session: AmqpSession) => Promise<Result>): Promise<Result> {
    const session = await this.#session(doing, CAST_CONNECT_WAIT_MS);
    try {
      return await work(session);
    } catch (cause) {
      if (isDroverError(cause)) throw cause;
      throw new DroverError(isRefusal(cause) ? "refused" : "unavailable", doing, { cause });
    }
  }

  /** Waits for a publish, {@link CONFIRM_WAIT_MS} at most; afterwards it is no longer wanted. */
  async #confirmed(
    method: string,
    publish: (isWanted: () => boolean) => Promise<PublishOutcome>,
  ): Promise<PublishOutcome> {
    const timer = new AbortController();
    const timeout = this.#clock.sleep(CONFIRM_WAIT_MS, timer.signal).then(() => {
      throw new DroverError(
        "unavailable",
        `sending ${method}: no confirm from the broker within ${CONFIRM_WAIT_MS} ms`,
      );
    });
    try {
      return await Promise.race([publish(() => !timer.signal.aborted), timeout]);
    } finally {
      timer.abort();
      timeout.catch(() => {});
    }
  }

  /** The part of a new session that belongs to calls. */
  async #consumeReplies(session: AmqpSession): Promise<void> {
    await session.openChannel(async (channel) => {
      await declareTransientQueue(channel, this.#replyQueue);
      await channel.consume(
        this.#replyQueue,
        (message) => {
          if (message === null) session.fail(new Error("the broker ended our consumption of replies"));
          else this.#receiveReply(message.content);
        },
        { noAck: true },
      );
    });
    session.lost.addEventListener("abort", () => this.#pending.failAll(connectionLost));
  }

  #receiveReply(body: Buffer): void {
    try {
      const reply = decodeReply(body);
      if (!this.#pending.settle(reply)) this.#logger.debug({ messageId: reply.messageId }, "a reply came too late");
    } catch (error) {
      this.#logger.warn({ reason: errorChain(error) }, "dropped a message that is no reply");
    }
  }
}

function connectionLost(contract: CallContract<unknown, unknown>, sent: boolean): DroverError {
  return callCutOff(contract, sent, "the connection to the broker broke");
}
