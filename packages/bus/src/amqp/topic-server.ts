import type { Clock, Logger } from "@drover/model";
import type { BrokerLink } from "../broker-link.ts";
import type { RpcServer, ServeOptions } from "../bus.ts";
import { decodeRequest, encodeReply, type RequestEnvelope } from "../envelope.ts";
import { maxInFlightOf } from "../outgoing.ts";
import { RecentIds } from "../recent-ids.ts";
import { Replies } from "../replies.ts";
import { RequestRunner } from "../request-runner.ts";
import type { Trust } from "../sender.ts";
import { doneWithin } from "../work-under-way.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { CastIntake } from "./cast-intake.ts";
import { acknowledge, expirationOf, type Incoming } from "./incoming.ts";
import type { Letter } from "./publisher.ts";
import { declareTopic, type TopicQueues, topicQueues } from "./topology.ts";
import { type Origin, originOf } from "./vouched-sender.ts";

/** How long a closing server tries to send its last replies and to give back what it did not begin. */
const FLUSH_MS = 5_000;

export interface TopicServerOptions extends ServeOptions {
  readonly link: BrokerLink<AmqpSession>;
  readonly controlExchange: string;
  readonly trust: Trust;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The tags are known when the broker has agreed to all of it. */
interface Consuming {
  readonly session: AmqpSession;
  readonly cancel: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

/**
 * Serves one topic: declares and consumes its three queues on every connection.
 *
 * Calls are acknowledged before they run, casts after. The broker hands out `maxInFlight` unacknowledged messages per
 * queue, so what waits here is bounded, and the rest waits there.
 */
export class TopicServer implements RpcServer {
  readonly #options: TopicServerOptions;
  readonly #queues: TopicQueues;
  readonly #maxInFlight: number;
  readonly #runner: RequestRunner;
  readonly #casts: CastIntake;
  readonly #replies: Replies<AmqpSession, Letter>;
  /** Calls begun: what comes again after a lost acknowledgement is answered by the run that has begun. */
  readonly #begun = new RecentIds();
  #consuming: Consuming | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: TopicServerOptions) {
    const { link, topic, server, handlers, trust, clock } = options;
    const logger = options.logger.child({ topic, server });
    this.#options = options;
    this.#queues = topicQueues(topic, server);
    this.#maxInFlight = maxInFlightOf(options);
    this.#runner = new RequestRunner({ handlers, maxInFlight: this.#maxInFlight, trust, logger, clock });
    this.#replies = new Replies({ link, write: (session, letter) => session.send(letter), logger, clock });
    this.#casts = new CastIntake({
      server,
      fanoutQueue: this.#queues.fanout,
      runner: this.#runner,
      originOf: (incoming) => this.#originOf(incoming),
      logger,
      clock,
    });
  }

  /** @throws when the broker refuses a declaration. */
  async start(): Promise<void> {
    await this.#options.link.addSetup(this.#setUp);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  readonly #setUp = async (session: AmqpSession): Promise<void> => {
    const { controlExchange, topic } = this.#options;
    const { shared, direct, fanout } = this.#queues;
    const tags: string[] = [];
    // Nothing is begun before the broker has agreed to all: a refused channel's messages go to somebody else.
    let held: Incoming[] | undefined = [];
    const channel = await session.openChannel(async (opened) => {
      const acknowledgements = new Acknowledgements(opened);
      await opened.prefetch(this.#maxInFlight);
      await declareTopic(session, opened, controlExchange, topic, this.#queues);
      for (const queue of [shared, direct, fanout]) {
        const { consumerTag } = await opened.consume(queue, (message) => {
          // Null: somebody deleted the queue. A new session declares it again.
          if (message === null) session.fail(new Error(`the broker ended our consumption of ${queue}`));
          else if (held !== undefined) held.push({ queue, message, session, acknowledgements });
          else this.#receive({ queue, message, session, acknowledgements });
        });
        tags.push(consumerTag);
      }
    });
    const early = held;
    held = undefined;
    this.#consuming = {
      session,
      cancel: () => Promise.all(tags.map((tag) => channel.cancel(tag))),
      end: async () => {
        await channel.deleteQueue(fanout);
        await channel.close();
      },
    };
    for (const incoming of early) this.#receive(incoming);
    // Closed while a new connection was being set up: what was just declared is not ours to consume any more.
    if (this.#closed !== undefined) await this.#stopConsuming();
  };

  #receive(incoming: Incoming): void {
    let request: RequestEnvelope;
    try {
      request = decodeRequest(incoming.message.content);
    } catch (error) {
      this.#casts.reject(incoming, error);
      return;
    }
    if (request.reply === undefined) this.#casts.receive(incoming, request);
    else this.#receiveCall(incoming, request, request.reply.queue);
  }

  #receiveCall(incoming: Incoming, request: RequestEnvelope, replyQueue: string): void {
    if (this.#begun.has(request.uniqueId)) {
      acknowledge(incoming);
      return;
    }
    this.#begun.add(request.uniqueId);
    const expiresInMs = expirationOf(incoming);
    const replyDueMs = this.#replies.dueMs(expiresInMs);
    this.#runner.accept({
      request,
      sender: this.#originOf(incoming).sender,
      lostTries: 0,
      expiresInMs,
      redelivered: incoming.message.fields.redelivered,
      taken: () => acknowledge(incoming),
      reply: (reply) =>
        this.#replies.send({ exchange: "", routingKey: replyQueue, body: encodeReply(reply) }, replyDueMs),
      settled: () => {},
    });
  }

  #originOf({ message }: Incoming): Origin {
    return originOf(message, this.#options.controlExchange, this.#options.trust);
  }

  async #close(): Promise<void> {
    this.#options.link.removeSetup(this.#setUp);
    await this.#stopConsuming();
    await this.#runner.close();
    await doneWithin(this.#flushed(), FLUSH_MS, this.#options.clock);
    await this.#consuming?.session.tidy(this.#consuming.end);
  }

  async #flushed(): Promise<void> {
    await Promise.all([this.#replies.flushed(), this.#casts.finish()]);
    // Acknowledgements leave in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Takes no new message; the channel stays for the acknowledgements of those under way. */
  async #stopConsuming(): Promise<void> {
    await this.#consuming?.session.tidy(this.#consuming.cancel);
  }
}
