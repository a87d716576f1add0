import { setTimeout as delay } from "node:timers/promises";
import { type Clock, DroverError, type Logger } from "@drover/model";
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type Message, type Options } from "amqplib";
import type { BrokerTls } from "../broker-tls.ts";
import type { BrokerAddress } from "./broker-address.ts";
import { replyCodeOf } from "./broker-refusal.ts";
import { ConsumerCounts } from "./consumer-counts.ts";
import { CorkedSocket } from "./corked-socket.ts";
import { Gate } from "./gate.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
const NOT_FOUND = 404;

export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** How long it may wait in the queue; asked just before writing. */
  readonly expirationMs?: () => number;
  /** Asked just before writing, after any wait for the broker: false drops it, as `unwanted`. */
  readonly isWanted?: () => boolean;
}

/** What needs no confirm: it is answered, or of no use to anybody once the connection is gone. */
export interface Letter extends Publication {
  /** Told to `onReturned` when no queue takes it. */
  readonly messageId?: string;
  /** Called when it is written: from here on the broker may have it. */
  readonly onWritten?: () => void;
}

export type PublishOutcome = "queued" | "returned" | "unwanted";

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
  readonly #publisher: ConfirmChannel;
  readonly #letters: Channel;
  readonly #socket: CorkedSocket;
  readonly #lost = new AbortController();
  readonly #returned = new Set<string>();
  #published = 0;
  #probe: Promise<Channel> | undefined;
  /** Shut while the broker takes nothing (a memory or disk alarm), and while what we wrote is not out. */
  readonly #gate = new Gate();

  private constructor(
    model: ChannelModel,
    channels: { readonly publisher: ConfirmChannel; readonly letters: Channel },
    user: string,
    { logger, clock, onReturned, onReplyReturned }: AmqpSessionOptions,
  ) {
    this.#model = model;
    this.#socket = new CorkedSocket(model);
    this.user = user;
    this.#publisher = this.#watch(channels.publisher);
    this.#letters = this.#watch(channels.letters);
    this.consumers = new ConsumerCounts((queue) => this.#countConsumers(queue), clock);
    this.#publisher.on("return", ({ properties }: Message) => this.#returned.add(String(properties.messageId)));
    this.#letters.on("return", ({ properties, fields, content }: Message) => {
      const { messageId } = properties;
      if (typeof messageId === "string") onReturned(messageId, fields.routingKey);
      else onReplyReturned(fields.routingKey, content);
    });
    this.#publisher.on("drain", () => this.#gate.open("publisher full"));
    this.#letters.on("drain", () => this.#gate.open("letters full"));
    model.on("close", (error) => this.fail(error ?? new Error("the broker closed the connection")));
    model.on("blocked", (reason) => {
      logger.warn({ reason }, "the broker takes no messages; sending waits");
      this.#gate.shut("blocked");
    });
    model.on("unblocked", () => {
      logger.info({}, "the broker takes messages again");
      this.#gate.open("blocked");
    });
    this.lost.addEventListener("abort", () => this.#gate.open());
  }

  static async open(address: BrokerAddress, options: AmqpSessionOptions): Promise<AmqpSession> {
    const model = await connect(address.url, {
      ...options.tls,
      noDelay: true,
      keepAlive: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: options.name },
    });
    // Every error is followed by `close`, which is acted on; without a listener it would end the process.
    model.on("error", () => {});
    try {
      const [publisher, letters] = await Promise.all([model.createConfirmChannel(), model.createChannel()]);
      return new AmqpSession(model, { publisher, letters }, address.user, options);
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
    await withinCloseTimeout(closed);
  }

  /** A step of an orderly end that a broker which is away or hangs need not hold up. Never rejects. */
  async tidy(step: () => Promise<unknown>): Promise<void> {
    if (!this.lost.aborted) await withinCloseTimeout(step().catch(() => {}));
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

  /**
   * Publishes to be kept: persistent, mandatory, and waits for the broker's confirm. `queued` when a queue has it,
   * `returned` when none took it.
   *
   * Rejects with `unavailable` if the connection broke first: the message may have arrived.
   */
  async publish(message: Publication): Promise<PublishOutcome> {
    await this.#writable();
    if (message.isWanted?.() === false) return "unwanted";
    this.#published += 1;
    const messageId = String(this.#published);
    const { promise, resolve, reject } = Promise.withResolvers<PublishOutcome>();
    const roomLeft = this.#publisher.publish(
      message.exchange,
      message.routingKey,
      message.body,
      { ...this.#properties(message), deliveryMode: 2, messageId },
      // The broker sends a return before the confirm of the same message.
      (error: unknown) => {
        const returned = this.#returned.delete(messageId);
        if (error === null || error === undefined) resolve(returned ? "returned" : "queued");
        else reject(this.#unavailable(error));
      },
    );
    if (!roomLeft) this.#gate.shut("publisher full");
    return promise;
  }

  /**
   * Writes what the broker need neither confirm nor keep over its restart. Undefined when that is done at once, as it is
   * unless the broker takes nothing at the moment.
   *
   * Rejects with `unavailable` if the connection broke first: the message did not go.
   */
  send(letter: Letter): Promise<void> | undefined {
    if (this.#gate.isShut || this.lost.aborted) return this.#sendLater(letter);
    try {
      this.#write(letter);
      return undefined;
    } catch (error) {
      // A channel that ended in this turn; that it did is told in the next.
      return Promise.reject(this.#unavailable(error));
    }
  }

  async #sendLater(letter: Letter): Promise<void> {
    await this.#writable();
    this.#write(letter);
  }

  #write(letter: Letter): void {
    if (letter.isWanted?.() === false) return;
    const { exchange, routingKey, body, messageId } = letter;
    const options: Options.Publish = { ...this.#properties(letter), deliveryMode: 1 };
    if (messageId !== undefined) options.messageId = messageId;
    this.#socket.hold();
    const roomLeft = this.#letters.publish(exchange, routingKey, body, options);
    letter.onWritten?.();
    if (!roomLeft) this.#gate.shut("letters full");
  }

  /** In the same turn in which it resolves, a message may be written. */
  async #writable(): Promise<void> {
    while (this.#gate.isShut) await this.#gate.opened;
    if (this.lost.aborted) throw this.#unavailable(this.lost.reason);
  }

  #properties({ headers, expirationMs }: Publication): Options.Publish {
    const properties: Options.Publish = {
      contentType: "application/json",
      contentEncoding: "utf-8",
      priority: 0,
      mandatory: true,
      // The broker refuses a name that is not ours: it vouches for the sender.
      userId: this.user,
    };
    if (headers !== undefined) properties.headers = headers;
    if (expirationMs !== undefined) properties.expiration = String(expirationMs());
    return properties;
  }

  /**
   * A passive declaration; 0 where there is no such queue. The broker answers one for a missing queue by closing the
   * channel, with it any other question under way there: those are asked again on the next channel.
   */
  async #countConsumers(queue: string): Promise<number> {
    for (;;) {
      this.#probe ??= this.#openProbe();
      try {
        const probe = await this.#probe;
        return (await probe.checkQueue(queue)).consumerCount;
      } catch (error) {
        if (this.lost.aborted) throw this.#unavailable(this.lost.reason);
        if (replyCodeOf(error) === NOT_FOUND) return 0;
      }
    }
  }

  async #openProbe(): Promise<Channel> {
    const probe = await this.#model.createChannel();
    probe.on("error", () => {});
    probe.on("close", () => {
      this.#probe = undefined;
    });
    return probe;
  }

  #watch<Kind extends Channel>(channel: Kind): Kind {
    channel.on("error", (error) => this.fail(error));
    return channel;
  }

  #unavailable(cause: unknown): DroverError {
    return new DroverError("unavailable", "the connection to the broker broke", { cause });
  }
}

/** A broker that hangs does not answer; its socket ends with the heartbeat. */
async function withinCloseTimeout(work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([work, delay(CLOSE_TIMEOUT_MS, undefined, { signal: timer.signal }).catch(() => {})]);
  timer.abort();
}
