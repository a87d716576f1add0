import { setTimeout as delay } from "node:timers/promises";
import { DroverError, type Logger } from "@drover/model";
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import type { BrokerTls } from "../broker-tls.ts";
import { isObject, newMessageId } from "../envelope.ts";
import type { BrokerAddress } from "./broker-address.ts";
import { Gate } from "./gate.ts";
import { declareFanoutExchange } from "./topology.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
const NOT_FOUND = 404;

export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** How long it may wait in the queue; asked just before writing. */
  readonly expirationMs?: () => number;
  /** Asked just before writing, after any wait for the broker: false drops it, as `unwanted`. */
  readonly isWanted?: () => boolean;
  /** Called when it is written: from here on the broker may have it. */
  readonly onWritten?: () => void;
}

export type PublishOutcome = "queued" | "returned" | "unwanted";

/**
 * The life of one connection: it is never repaired. Anything unexpected on it, a channel's error included, ends it as a
 * whole; whoever holds it sees {@link lost} and waits for the next one.
 */
export class AmqpSession {
  readonly #model: ChannelModel;
  readonly #publisher: ConfirmChannel;
  readonly #user: string;
  readonly #lost = new AbortController();
  readonly #returned = new Set<string>();
  readonly #counts = new Map<string, Promise<number>>();
  #probe: Promise<Channel> | undefined;
  /** Shut while the broker takes nothing (a memory or disk alarm), and while what we wrote is not out. */
  readonly #gate = new Gate();

  private constructor(model: ChannelModel, publisher: ConfirmChannel, user: string, logger: Logger) {
    this.#model = model;
    this.#user = user;
    this.#publisher = publisher;
    this.#watch(publisher);
    publisher.on("return", ({ properties }) => this.#returned.add(String(properties.messageId)));
    model.on("close", (error) => this.fail(error ?? new Error("the broker closed the connection")));
    publisher.on("drain", () => this.#gate.open("full"));
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

  static async open(
    address: BrokerAddress,
    options: { readonly name: string; readonly tls?: BrokerTls | undefined; readonly logger: Logger },
  ): Promise<AmqpSession> {
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
      return new AmqpSession(model, await model.createConfirmChannel(), address.user, options.logger);
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

  /** Ends the connection in order. Never rejects. */
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

  /** A channel whose failure ends the session. */
  async openChannel(): Promise<Channel> {
    return this.#watch(await this.#model.createChannel());
  }

  /**
   * Publishes, mandatory, and waits for the broker's confirm: `queued` when a queue has it, `returned` when none took it.
   *
   * Rejects with `unavailable` if the connection broke first: the message may have arrived.
   */
  async publish(message: Publication): Promise<PublishOutcome> {
    while (this.#gate.isShut) await this.#gate.opened;
    if (this.lost.aborted) throw this.#unavailable(this.lost.reason);
    if (message.isWanted?.() === false) return "unwanted";
    const messageId = newMessageId();
    const { promise, resolve, reject } = Promise.withResolvers<PublishOutcome>();
    const roomLeft = this.#publisher.publish(
      message.exchange,
      message.routingKey,
      message.body,
      {
        contentType: "application/json",
        contentEncoding: "utf-8",
        deliveryMode: 2,
        priority: 0,
        mandatory: true,
        // The broker refuses a name that is not ours: it vouches for the sender.
        userId: this.#user,
        messageId,
        ...(message.expirationMs === undefined ? {} : { expiration: String(message.expirationMs()) }),
      },
      // The broker sends a return before the confirm of the same message.
      (error: unknown) => {
        const returned = this.#returned.delete(messageId);
        if (error === null || error === undefined) resolve(returned ? "returned" : "queued");
        else reject(this.#unavailable(error));
      },
    );
    message.onWritten?.();
    if (!roomLeft) this.#gate.shut("full");
    return promise;
  }

  /** As {@link publish}, to every server of a topic; declares the exchange, which goes away with its last server. */
  async publishToAll(topic: string, message: Publication): Promise<PublishOutcome> {
    // On a channel of its own: an exchange that somebody declared otherwise must not cost us the connection.
    const channel = await this.#model.createChannel();
    channel.on("error", () => {});
    await declareFanoutExchange(channel, topic);
    const outcome = await this.publish(message);
    await channel.close();
    return outcome;
  }

  /** How many consumers a queue has; 0 where there is no such queue. Askers at the same time share one question. */
  countConsumers(queue: string): Promise<number> {
    const asked = this.#counts.get(queue);
    if (asked !== undefined) return asked;
    const count = this.#askConsumers(queue).finally(() => this.#counts.delete(queue));
    this.#counts.set(queue, count);
    return count;
  }

  /**
   * A passive declaration. The broker answers one for a missing queue by closing the channel, with it any other question
   * under way there: those are asked again on the next channel.
   */
  async #askConsumers(queue: string): Promise<number> {
    for (;;) {
      this.#probe ??= this.#openProbe();
      try {
        const probe = await this.#probe;
        return (await probe.checkQueue(queue)).consumerCount;
      } catch (error) {
        if (this.lost.aborted) throw this.#unavailable(this.lost.reason);
        if (isObject(error) && error.code === NOT_FOUND) return 0;
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
    channel.on("close", () => {});
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
