import { type Clock, errorChain, type Logger, serializeError } from "@drover/model";
import type { ConsumeMessage } from "amqplib";
import type { BrokerLink } from "../broker-link.ts";
import type { RpcServer, ServeOptions } from "../bus.ts";
import { decodeRequest, encodeReply, type ReplyEnvelope, type RequestEnvelope } from "../envelope.ts";
import { maxInFlightOf } from "../outgoing.ts";
import { parkedRecord } from "../parked.ts";
import { RecentIds } from "../recent-ids.ts";
import { RequestRunner, type Settlement } from "../request-runner.ts";
import type { Trust } from "../sender.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { AmqpSession, Letter } from "./amqp-session.ts";
import { park } from "./parked-queue.ts";
import { declareTopic, type TopicQueues, topicQueues } from "./topology.ts";
import { type Origin, originHeaders, originOf } from "./vouched-sender.ts";

/** Oslo remembers 16; ours must reach over all that a reconnect can bring again. */
const REMEMBERED_IDS = 4096;
/** How long a closing server tries to send its last replies and to give back what it did not begin. */
const FLUSH_MS = 5_000;
/** How long a reply to a caller without a deadline waits for our own connection. */
const REPLY_LIMIT_MS = 60_000;
/** Between attempts to park a message; it stays unacknowledged meanwhile. */
const PARK_RETRY_MS = 1_000;

export interface TopicServerOptions extends ServeOptions {
  readonly link: BrokerLink<AmqpSession>;
  readonly controlExchange: string;
  readonly trust: Trust;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Incoming {
  readonly queue: string;
  readonly message: ConsumeMessage;
  readonly session: AmqpSession;
  readonly acknowledgements: Acknowledgements;
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
 *
 * A classic queue says only that it delivered a message before, not how often. So a cast that comes again, and that this
 * process knows nothing of, is not run: a copy that counts the try takes its place at the end of the queue.
 */
export class TopicServer implements RpcServer {
  readonly #options: TopicServerOptions;
  readonly #logger: Logger;
  readonly #queues: TopicQueues;
  readonly #maxInFlight: number;
  readonly #runner: RequestRunner;
  readonly #seen = new RecentIds(REMEMBERED_IDS);
  /** Casts under way, by unique id: each time that one comes again it is settled by the run that has begun. */
  readonly #casts = new Map<string, Incoming[]>();
  /** Copies that the broker has not confirmed. It may deliver one before: then what it replaces is settled first. */
  readonly #copies = new Map<string, Promise<void>>();
  /** Replies and copies on their way. */
  readonly #sending = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #consuming: Consuming | undefined;
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
      this.#logger.warn(
        { reason: errorChain(error), bytes: incoming.message.content.length, queue: incoming.queue },
        "a message is no request",
      );
      this.#track(this.#park(incoming, undefined, { kind: "park", reason: serializeError(error), tries: 1 }));
      return;
    }
    if (this.#seen.has(request.uniqueId)) this.#ack(incoming);
    else if (request.reply === undefined) this.#receiveCast(incoming, request);
    else this.#receiveCall(incoming, request, request.reply.queue);
  }

  #receiveCall(incoming: Incoming, request: RequestEnvelope, replyQueue: string): void {
    // If it comes again after a lost acknowledgement, the run that has begun will answer.
    this.#seen.add(request.uniqueId);
    const { clock } = this.#options;
    const { redelivered } = incoming.message.fields;
    const expiresInMs = expirationOf(incoming.message);
    const replyByMs = clock.monotonicMs() + (expiresInMs ?? REPLY_LIMIT_MS);
    this.#runner.accept({
      request,
      sender: this.#originOf(incoming).sender,
      lostTries: 0,
      expiresInMs,
      redelivered,
      taken: () => this.#ack(incoming),
      reply: (reply) => this.#reply(replyQueue, reply, replyByMs),
      settled: () => {},
    });
  }

  #receiveCast(incoming: Incoming, request: RequestEnvelope): void {
    const { uniqueId } = request;
    const copying = this.#copies.get(uniqueId);
    if (copying !== undefined) {
      this.#track(copying.then(() => this.#receiveCast(incoming, request)));
      return;
    }
    const underWay = this.#casts.get(uniqueId);
    if (underWay !== undefined) {
      underWay.push(incoming);
      return;
    }
    const { redelivered } = incoming.message.fields;
    const { sender, lostTries } = this.#originOf(incoming);
    if (redelivered && incoming.queue !== this.#queues.fanout) {
      const copy = this.#sendCopy(incoming, { sender, lostTries: lostTries + 1 });
      this.#copies.set(uniqueId, copy);
      this.#track(copy.then(() => void this.#copies.delete(uniqueId)));
      return;
    }
    this.#casts.set(uniqueId, [incoming]);
    this.#runner.accept({
      request,
      sender,
      lostTries,
      redelivered,
      taken: () => {},
      reply: () => {},
      settled: (outcome) => this.#track(this.#settleCast(request, incoming, outcome)),
    });
  }

  async #settleCast(request: RequestEnvelope, incoming: Incoming, outcome: Settlement): Promise<void> {
    const { uniqueId } = request;
    if (outcome.kind === "park") await this.#park(incoming, request, outcome);
    else if (outcome.kind === "again") await this.#sendCopy(incoming, this.#originOf(incoming));
    else {
      this.#seen.add(uniqueId);
      this.#ack(incoming);
    }
    const again = this.#casts.get(uniqueId) ?? [];
    this.#casts.delete(uniqueId);
    // The first was settled above, by its place in the queue or for good.
    for (const later of again.slice(1)) {
      if (outcome.kind === "again") requeue(later);
      else this.#ack(later);
    }
  }

  /** Sets a message aside and only then acknowledges it; while that cannot be done it stays, unacknowledged. */
  async #park(
    incoming: Incoming,
    request: RequestEnvelope | undefined,
    { reason, tries }: Settlement & { readonly kind: "park" },
  ): Promise<void> {
    const { link, clock, server } = this.#options;
    const { queue, message } = incoming;
    if (queue === this.#queues.fanout) {
      this.#logger.warn({ method: request?.method, reason: reason.message, tries }, "dropped a message sent to all");
      this.#ack(incoming);
      return;
    }
    const record = parkedRecord({ queue, server, body: message.content, request, reason, tries }, clock);
    const origin = this.#originOf(incoming);
    for (;;) {
      try {
        await park(await link.session(REPLY_LIMIT_MS), record, origin);
        this.#ack(incoming);
        this.#logger.warn(
          { id: record.id, queue, method: record.method, requestId: record.requestId, reason: reason.message, tries },
          "parked a message; see `drover bus parked`",
        );
        return;
      } catch (error) {
        this.#logger.warn({ queue, reason: errorChain(error) }, "a message could not be parked; it stays in its queue");
      }
      await clock.sleep(PARK_RETRY_MS, this.#closing.signal).catch(() => {});
      if (this.#closing.signal.aborted) return requeue(incoming);
    }
  }

  /** Puts a copy at the end of the message's own queue in its place; if that fails the message goes back itself. */
  async #sendCopy(incoming: Incoming, origin: Origin): Promise<void> {
    const { queue, message, session } = incoming;
    const expirationMs = expirationOf(message);
    try {
      // On the message's own connection: once that is lost, the broker has given the message to somebody already.
      const outcome = await session.publish({
        exchange: "",
        routingKey: queue,
        body: message.content,
        headers: originHeaders(origin),
        ...(expirationMs === undefined ? {} : { expirationMs: () => expirationMs }),
      });
      if (outcome === "queued") this.#ack(incoming);
      else requeue(incoming);
    } catch (error) {
      this.#logger.debug({ queue, reason: errorChain(error) }, "a message went back to its queue");
      requeue(incoming);
    }
  }

  #originOf({ message }: Incoming): Origin {
    return originOf(message, this.#options.controlExchange, this.#options.trust);
  }

  #ack({ acknowledgements, message }: Incoming): void {
    acknowledgements.ack(message);
  }

  /** @throws {DroverError} `internal` when the result is not JSON. The sending goes on by itself. */
  #reply(queue: string, reply: ReplyEnvelope, replyByMs: number): void {
    const letter = { exchange: "", routingKey: queue, body: encodeReply(reply) };
    const session = this.#options.link.present;
    const sending = session?.send(letter);
    if (session === undefined || sending !== undefined) this.#track(this.#replyLater(letter, sending, replyByMs));
  }

  async #replyLater(letter: Letter, sending: Promise<void> | undefined, replyByMs: number): Promise<void> {
    const { link, clock } = this.#options;
    try {
      if (sending !== undefined) return await sending;
      const session = await link.session(Math.max(0, replyByMs - clock.monotonicMs()));
      await session.send(letter);
    } catch (error) {
      this.#logger.warn({ reason: errorChain(error) }, "a reply could not be sent");
    }
  }

  /** @param work Never rejects. */
  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#sending.delete(tracked));
    this.#sending.add(tracked);
  }

  async #close(): Promise<void> {
    this.#options.link.removeSetup(this.#setUp);
    await this.#stopConsuming();
    await this.#runner.close();
    this.#closing.abort();
    const timer = new AbortController();
    const limit = this.#options.clock.sleep(FLUSH_MS, timer.signal).catch(() => {});
    await Promise.race([this.#flushed(), limit]);
    timer.abort();
    await this.#consuming?.session.tidy(this.#consuming.end);
  }

  /** Settling one message may begin another's sending. */
  async #flushed(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    // Acknowledgements leave in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Takes no new message; the channel stays for the acknowledgements of those under way. */
  async #stopConsuming(): Promise<void> {
    await this.#consuming?.session.tidy(this.#consuming.cancel);
  }
}

function requeue({ acknowledgements, message }: Incoming): void {
  acknowledgements.requeue(message);
}

/** Milliseconds that a message may wait, from the moment it was sent. */
function expirationOf(message: ConsumeMessage): number | undefined {
  const expiration: unknown = message.properties.expiration;
  const expiresInMs = typeof expiration === "string" ? Number(expiration) : Number.NaN;
  return Number.isFinite(expiresInMs) ? expiresInMs : undefined;
}
