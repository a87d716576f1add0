import { DroverError } from "@drover/model";
import type { Channel, ChannelModel, ConfirmChannel, Message, Options } from "amqplib";
import { CorkedSocket } from "./corked-socket.ts";
import { Gate } from "./gate.ts";

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

export interface PublisherChannels {
  /** For what is confirmed. */
  readonly kept: ConfirmChannel;
  readonly letters: Channel;
}

export interface PublisherOptions {
  /** Whose credentials the connection has. */
  readonly user: string;
  /** Aborted when the connection is gone. */
  readonly lost: AbortSignal;
  /** A letter that no queue took. */
  readonly onReturned: (messageId: string, queue: string) => void;
  /** A letter without a message id, which is a reply, that no queue took. */
  readonly onReplyReturned: (queue: string, body: Buffer) => void;
}

/** Writes one connection's messages, and holds them back while the broker takes none. */
export class Publisher {
  readonly #user: string;
  readonly #lost: AbortSignal;
  readonly #kept: ConfirmChannel;
  readonly #letters: Channel;
  readonly #socket: CorkedSocket;
  readonly #returned = new Set<string>();
  #published = 0;
  /** Shut while the broker takes nothing (a memory or disk alarm), and while what we wrote is not out. */
  readonly #gate = new Gate();

  constructor(model: ChannelModel, { kept, letters }: PublisherChannels, options: PublisherOptions) {
    const { user, lost, onReturned, onReplyReturned } = options;
    this.#user = user;
    this.#lost = lost;
    this.#kept = kept;
    this.#letters = letters;
    this.#socket = new CorkedSocket(model);
    kept.on("return", ({ properties }: Message) => this.#returned.add(String(properties.messageId)));
    letters.on("return", ({ properties, fields, content }: Message) => {
      const { messageId } = properties;
      if (typeof messageId === "string") onReturned(messageId, fields.routingKey);
      else onReplyReturned(fields.routingKey, content);
    });
    kept.on("drain", () => this.#gate.open("publisher full"));
    letters.on("drain", () => this.#gate.open("letters full"));
    model.on("blocked", () => this.#gate.shut("blocked"));
    model.on("unblocked", () => this.#gate.open("blocked"));
    lost.addEventListener("abort", () => this.#gate.open());
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
    const roomLeft = this.#kept.publish(
      message.exchange,
      message.routingKey,
      message.body,
      { ...this.#properties(message), deliveryMode: 2, messageId },
      // The broker sends a return before the confirm of the same message.
      (error: unknown) => {
        const returned = this.#returned.delete(messageId);
        if (error === null || error === undefined) resolve(returned ? "returned" : "queued");
        else reject(connectionBroke(error));
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
    if (this.#gate.isShut || this.#lost.aborted) return this.#sendLater(letter);
    try {
      this.#write(letter);
      return undefined;
    } catch (error) {
      // A channel that ended in this turn; that it did is told in the next.
      return Promise.reject(connectionBroke(error));
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
    if (this.#lost.aborted) throw connectionBroke(this.#lost.reason);
  }

  #properties({ headers, expirationMs }: Publication): Options.Publish {
    const properties: Options.Publish = {
      contentType: "application/json",
      contentEncoding: "utf-8",
      priority: 0,
      mandatory: true,
      // The broker refuses a name that is not ours: it vouches for the sender.
      userId: this.#user,
    };
    if (headers !== undefined) properties.headers = headers;
    if (expirationMs !== undefined) properties.expiration = String(expirationMs());
    return properties;
  }
}

export function connectionBroke(cause: unknown): DroverError {
  return new DroverError("unavailable", "the connection to the broker broke", { cause });
}
