import { type Clock, errorChain, type Logger } from "@drover/model";
import type { Channel, ConsumeMessage } from "amqplib";
import type { RpcServer, ServeOptions } from "../bus.ts";
import { decodeRequest, encodeReply, type ReplyEnvelope, type RequestEnvelope } from "../envelope.ts";
import { maxInFlightOf } from "../outgoing.ts";
import { RecentIds } from "../recent-ids.ts";
import { RequestRunner, type Settlement } from "../request-runner.ts";
import type { Sender, Trust } from "../sender.ts";
import type { AmqpLink } from "./amqp-link.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { declareTopic, type TopicQueues, topicQueues } from "./topology.ts";

/** Oslo remembers 16; ours must reach over all that a reconnect can bring again. */
const REMEMBERED_IDS = 4096;
/** How long a closing server tries to send its last replies. */
const REPLY_FLUSH_MS = 5_000;
/** How long a reply to a caller without a deadline waits for our own connection. */
const REPLY_LIMIT_MS = 60_000;

export interface TopicServerOptions extends ServeOptions {
  readonly link: AmqpLink;
  readonly controlExchange: string;
  readonly trust: Trust;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Incoming {
  readonly channel: Channel;
  readonly message: ConsumeMessage;
}

/**
 * Serves one topic: declares and consumes its three queues on every connection.
 *
 * Calls are acknowledged before they run, casts after. The broker hands out `maxInFlight` unacknowledged messages per
 * queue, so what waits here is bounded, and the rest waits there.
 */
export class TopicServer implements RpcServer {
  readonly #options: TopicServerOptions;
  readonly #logger: Logger;
  readonly #queues: TopicQueues;
  readonly #maxInFlight: number;
  readonly #runner: RequestRunner;
  readonly #seen = new RecentIds(REMEMBERED_IDS);
  /** Casts under way, by unique id: one that comes again meanwhile is settled by the run that has begun. */
  readonly #casts = new Map<string, Incoming>();
  readonly #replies = new Set<Promise<void>>();
  #consuming:
    | { readonly session: AmqpSession; readonly channel: Channel; readonly tags: readonly string[] }
    | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: TopicServerOptions) {
    const { topic, server, handlers, trust, clock } = options;
    this.#options = options;
    this.#logger = options.logger.child({ topic, server });
    this.#queues = topicQueues(topic, server);
    this.#maxInFlight = maxInFlightOf(options);
    this.#runner = new RequestRunner({ handlers, maxInFlight: this.#maxInFlight, trust, logger: this.#logger, clock });
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
    const channel = await session.openChannel();
    await channel.prefetch(this.#maxInFlight);
    await declareTopic(channel, this.#options.controlExchange, this.#options.topic, this.#queues);
    const tags: string[] = [];
    for (const queue of [this.#queues.shared, this.#queues.direct, this.#queues.fanout]) {
      const { consumerTag } = await channel.consume(queue, (message) => {
        // Null: somebody deleted the queue. A new session declares it again.
        if (message === null) session.fail(new Error(`the broker ended our consumption of ${queue}`));
        else this.#receive({ channel, message });
      });
      tags.push(consumerTag);
    }
    this.#consuming = { session, channel, tags };
    // Closed while a new connection was being set up: what was just declared is not ours to consume any more.
    if (this.#closed !== undefined) await this.#stopConsuming();
  };

  #receive(incoming: Incoming): void {
    let request: RequestEnvelope;
    try {
      request = decodeRequest(incoming.message.content);
    } catch (error) {
      this.#logger.warn(
        { reason: errorChain(error), bytes: incoming.message.content.length },
        "dropped a message that is no request",
      );
      this.#settle(incoming, { kind: "done" });
      return;
    }
    if (request.reply === undefined) this.#receiveCast(incoming, request);
    else this.#receiveCall(incoming, request, request.reply.queue);
  }

  #receiveCall(incoming: Incoming, request: RequestEnvelope, replyQueue: string): void {
    // It came again after a lost acknowledgement; the run that has begun will answer.
    if (this.#seen.has(request.uniqueId)) {
      this.#settle(incoming, { kind: "done" });
      return;
    }
    this.#seen.add(request.uniqueId);
    const { clock } = this.#options;
    const { redelivered } = incoming.message.fields;
    const expiresInMs = expirationOf(incoming.message);
    const replyByMs = clock.monotonicMs() + (expiresInMs ?? REPLY_LIMIT_MS);
    this.#runner.accept({
      request,
      sender: this.#senderOf(incoming),
      lostTries: 0,
      expiresInMs,
      redelivered,
      taken: () => this.#settle(incoming, { kind: "done" }),
      reply: (reply) => this.#reply(replyQueue, reply, replyByMs),
      settled: () => {},
    });
  }

  #receiveCast(incoming: Incoming, request: RequestEnvelope): void {
    const { uniqueId } = request;
    if (this.#seen.has(uniqueId)) {
      this.#settle(incoming, { kind: "done" });
      return;
    }
    const underWay = this.#casts.has(uniqueId);
    this.#casts.set(uniqueId, incoming);
    if (underWay) return;
    this.#runner.accept({
      request,
      sender: this.#senderOf(incoming),
      lostTries: 0,
      redelivered: incoming.message.fields.redelivered,
      taken: () => {},
      reply: () => {},
      settled: (outcome) => {
        if (outcome.kind !== "again") this.#seen.add(uniqueId);
        const latest = this.#casts.get(uniqueId) ?? incoming;
        this.#casts.delete(uniqueId);
        this.#settle(latest, outcome);
      },
    });
  }

  #senderOf({ message: { fields, properties } }: Incoming): Sender {
    const user: unknown = properties.userId;
    const throughExchange = fields.exchange === this.#options.controlExchange;
    return { user: typeof user === "string" ? user : null, throughExchange };
  }

  #settle({ channel, message }: Incoming, outcome: Settlement): void {
    try {
      if (outcome.kind === "again") channel.nack(message, false, true);
      else channel.ack(message);
    } catch {
      // The channel is gone, and with it the broker's wait for this answer: it delivers the message again.
    }
  }

  /** @throws {DroverError} `internal` when the result is not JSON. The sending goes on by itself. */
  #reply(queue: string, reply: ReplyEnvelope, replyByMs: number): void {
    const body = encodeReply(reply);
    const sending = this.#sendReply(queue, body, replyByMs)
      .catch((error) => this.#logger.warn({ reason: errorChain(error) }, "a reply could not be sent"))
      .finally(() => this.#replies.delete(sending));
    this.#replies.add(sending);
  }

  async #sendReply(queue: string, body: Buffer, replyByMs: number): Promise<void> {
    const { link, clock } = this.#options;
    const session = await link.session(Math.max(0, replyByMs - clock.monotonicMs()));
    const outcome = await session.publish({ exchange: "", routingKey: queue, body });
    if (outcome === "returned") this.#logger.debug({ queue }, "the caller of a finished call is gone");
  }

  async #close(): Promise<void> {
    this.#options.link.removeSetup(this.#setUp);
    await this.#stopConsuming();
    await this.#runner.close();
    const timer = new AbortController();
    const limit = this.#options.clock.sleep(REPLY_FLUSH_MS, timer.signal).catch(() => {});
    await Promise.race([Promise.allSettled(this.#replies), limit]);
    timer.abort();
    const { session, channel } = this.#consuming ?? {};
    await session?.tidy(async () => channel?.deleteQueue(this.#queues.fanout));
    await session?.tidy(async () => channel?.close());
  }

  /** Takes no new message; the channel stays for the acknowledgements of those under way. */
  async #stopConsuming(): Promise<void> {
    const { session, channel, tags = [] } = this.#consuming ?? {};
    await session?.tidy(async () => Promise.all(tags.map((tag) => channel?.cancel(tag))));
  }
}

/** Milliseconds that a message may wait, from the moment it was sent. */
function expirationOf(message: ConsumeMessage): number | undefined {
  const expiration: unknown = message.properties.expiration;
  const expiresInMs = typeof expiration === "string" ? Number(expiration) : Number.NaN;
  return Number.isFinite(expiresInMs) ? expiresInMs : undefined;
}
