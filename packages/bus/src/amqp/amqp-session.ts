import type { Clock, Logger } from "@drover/model";
import { type Channel, type ChannelModel, connect, credentials } from "amqplib";
import type { BrokerTls } from "../broker-tls.ts";
import { doneWithin } from "../work-under-way.ts";
import type { BrokerAddress } from "./broker-address.ts";
import { replyCodeOf } from "./broker-refusal.ts";
import { ConsumerCounts } from "./consumer-counts.ts";
import { ConsumerProbe } from "./consumer-probe.ts";
import { type Letter, type Publication, Publisher, type PublisherChannels, type PublishOutcome } from "./publisher.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** A broker that hangs does not answer; its socket ends with the heartbeat. */
const CLOSE_TIMEOUT_MS = 2_000;
const NOT_FOUND = 404;

export interface AmqpSessionOptions {
  readonly name: string;
  readonly tls?: BrokerTls | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A letter that no queue took. */
  readonly onReturned: (messageId: string, queue: string) => void;
  /** A letter without a message id, which is a reply, that no queue took. */
  readonly onReplyReturned: (queue: string, body: Buffer) => void;
}

/**
 * The life of one connection: it is never repaired. Anything unexpected on it, a channel's error included, ends it as a
 * whole; whoever holds it sees {@link lost} and waits for the next one.
 */
export class AmqpSession {
  /** Whose credentials the connection has. */
  readonly user: string;
  /** Who consumes what, as far as calls must know. */
  readonly consumers: ConsumerCounts;
  readonly #model: ChannelModel;
  readonly #clock: Clock;
  readonly #publisher: Publisher;
  readonly #lost = new AbortController();

  private constructor(model: ChannelModel, channels: PublisherChannels, user: string, options: AmqpSessionOptions) {
    const { logger, clock, onReturned, onReplyReturned } = options;
    this.#model = model;
    this.#clock = clock;
    this.user = user;
    this.#publisher = new Publisher(model, channels, { user, lost: this.lost, onReturned, onReplyReturned });
    const probe = new ConsumerProbe(model, this.lost);
    this.consumers = new ConsumerCounts((queue) => probe.count(queue), clock);
    for (const channel of [channels.kept, channels.letters]) channel.on("error", (error) => this.fail(error));
    model.on("close", (error) => this.fail(error ?? new Error("the broker closed the connection")));
    model.on("blocked", (reason) => logger.warn({ reason }, "the broker takes no messages; sending waits"));
    model.on("unblocked", () => logger.info({}, "the broker takes messages again"));
  }

  static async open(address: BrokerAddress, options: AmqpSessionOptions): Promise<AmqpSession> {
    const model = await connect(address.url, {
      ...options.tls,
      noDelay: true,
      keepAlive: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: options.name },
      // By itself the library reads those of the address byte by byte: no letters beyond ASCII.
      credentials: credentials.plain(address.user, address.password),
    });
    // Every error is followed by `close`, which is acted on; without a listener it would end the process.
    model.on("error", () => {});
    try {
      const [kept, letters] = await Promise.all([model.createConfirmChannel(), model.createChannel()]);
      return new AmqpSession(model, { kept, letters }, address.user, options);
    } catch (error) {
      model.close().catch(() => {});
      throw error;
    }
  }

  /** Aborted, with the reason, when the connection is of no use any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Gives the connection up. */
  fail(reason: unknown): void {
    if (this.lost.aborted) return;
    this.#lost.abort(reason);
    this.#model.close().catch(() => {});
  }

  /** Ends the connection in order, all that was written read by the broker. Never rejects. */
  async close(): Promise<void> {
    if (this.lost.aborted) return;
    const closed = this.#model.close().catch(() => {});
    this.#lost.abort(new Error("the bus was closed"));
    await doneWithin(closed, CLOSE_TIMEOUT_MS, this.#clock);
  }

  /** A step of an orderly end that a broker which is away or hangs need not hold up. Never rejects. */
  async tidy(step: () => Promise<unknown>): Promise<void> {
    if (!this.lost.aborted)
      await doneWithin(
        step().catch(() => {}),
        CLOSE_TIMEOUT_MS,
        this.#clock,
      );
  }

  /**
   * A channel whose failure ends the session, once `setUp` has run on it. What the broker refuses to `setUp` costs that
   * channel alone: it rejects with the refusal.
   */
  async openChannel(setUp: (channel: Channel) => Promise<void>): Promise<Channel> {
    const channel = await this.#model.createChannel();
    let broken: unknown;
    let ready = false;
    channel.on("error", (error) => {
      broken = error;
      if (ready) this.fail(error);
    });
    await setUp(channel);
    ready = true;
    if (broken !== undefined) throw broken;
    return channel;
  }

  /** Does `work` on a channel of its own, whose failure costs the session nothing. */
  async scratch<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
    const channel = await this.#model.createChannel();
    channel.on("error", () => {});
    try {
      return await work(channel);
    } finally {
      await channel.close().catch(() => {});
    }
  }

  /** Whether what `check` passively declares is there. */
  async exists(check: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    try {
      await this.scratch(check);
      return true;
    } catch (error) {
      if (replyCodeOf(error) === NOT_FOUND) return false;
      throw error;
    }
  }

  /** As {@link Publisher.publish}. */
  publish(message: Publication): Promise<PublishOutcome> {
    return this.#publisher.publish(message);
  }

  /** As {@link Publisher.send}. */
  send(letter: Letter): Promise<void> | undefined {
    return this.#publisher.send(letter);
  }
}
