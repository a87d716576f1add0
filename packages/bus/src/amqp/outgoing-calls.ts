import { type Clock, errorChain, type Logger } from "@drover/model";
import { Bound } from "../bound.ts";
import type { BrokerLink } from "../broker-link.ts";
import type { CallOptions } from "../bus.ts";
import type { CallContract } from "../contract.ts";
import { decodeReply, encodeRequest, type RequestEnvelope } from "../envelope.ts";
import {
  busClosed,
  type CallEnvelope,
  callCutOff,
  callEnvelope,
  nobodyServes,
  openCall,
  queueName,
} from "../outgoing.ts";
import { PendingCalls } from "../pending-calls.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { declareTransientQueue } from "./topology.ts";

export interface OutgoingCallsOptions {
  readonly link: BrokerLink<AmqpSession>;
  /** This process's own. */
  readonly replyQueue: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The calls of one process: sends each to a queue that somebody serves, and takes the answers off its reply queue. */
export class OutgoingCalls {
  readonly #options: OutgoingCallsOptions;
  readonly #bound = new Bound("calls");
  readonly #pending: PendingCalls;

  constructor(options: OutgoingCallsOptions) {
    this.#options = options;
    this.#pending = new PendingCalls(options.clock);
  }

  /** As {@link Bus.call}. */
  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const { envelope, deadlineMs } = openCall(contract, request, options);
    return this.#bound.hold(`calling ${contract.method}`, () => this.#call(contract, envelope, deadlineMs, options));
  }

  /** What must be there on each new connection. */
  async setUp(session: AmqpSession): Promise<void> {
    const { link, replyQueue } = this.#options;
    await session.openChannel(async (channel) => {
      await declareTransientQueue(channel, replyQueue);
      await channel.consume(
        replyQueue,
        (message) => {
          if (message === null) session.fail(new Error("the broker ended our consumption of replies"));
          else this.#receive(message.content);
        },
        { noAck: true },
      );
    });
    session.lost.addEventListener("abort", () => {
      const what = link.status() === "closed" ? "the bus was closed" : "the connection to the broker broke";
      this.#pending.failAll((contract, sent) => callCutOff(contract, sent, what));
    });
  }

  /** The broker sent a call back: no queue takes it. */
  returned(messageId: string, queue: string): void {
    this.#pending.fail(messageId, nobodyServes("a call", queue));
  }

  /** Gives up those that wait; after the connection has been closed. */
  close(): void {
    this.#pending.failAll((contract) => busClosed(contract.method));
  }

  async #call<Response>(
    contract: CallContract<unknown, Response>,
    envelope: RequestEnvelope,
    deadlineMs: number,
    { server, signal }: CallOptions,
  ): Promise<Response> {
    const { link, replyQueue, clock } = this.#options;
    const byMs = clock.monotonicMs() + deadlineMs;
    const session = link.present ?? (await link.sessionFor(`sending ${contract.method}`, deadlineMs, signal));
    const remainingMs = byMs - clock.monotonicMs();
    const { messageId, response } = this.#pending.add(contract, { remainingMs, deadlineMs, signal });
    const message = callEnvelope(contract, envelope, { messageId, replyQueue, remainingMs }, clock);
    const queue = queueName(contract.topic, server);
    const ended = session.consumers.begin(queue);
    this.#send(session, message, queue, byMs).catch((error) => this.#pending.fail(messageId, error));
    // A queue whose answers fail is asked for its consumers again.
    response.then(
      () => ended(false),
      () => ended(true),
    );
    return response;
  }

  async #send(session: AmqpSession, request: CallEnvelope, queue: string, byMs: number): Promise<void> {
    const { messageId } = request.reply;
    const body = encodeRequest(request);
    const served = session.consumers.isServed(queue);
    if (served !== true && !(await served)) throw nobodyServes(request.method, queue);
    await session.send({
      exchange: "",
      routingKey: queue,
      body,
      messageId,
      expirationMs: () => Math.max(1, Math.floor(byMs - this.#options.clock.monotonicMs())),
      isWanted: () => this.#pending.has(messageId),
      onWritten: () => this.#pending.markSent(messageId),
    });
  }

  #receive(body: Buffer): void {
    const { logger } = this.#options;
    try {
      const reply = decodeReply(body);
      if (!this.#pending.settle(reply)) logger.debug({ messageId: reply.messageId }, "a reply came too late");
    } catch (error) {
      logger.warn({ reason: errorChain(error) }, "dropped a message that is no reply");
    }
  }
}
