import type { Channel, ConsumeMessage } from "amqplib";

/**
 * Settles one channel's deliveries. What is acknowledged in one turn of the event loop leaves together, in as few frames
 * as its order allows: one frame acknowledges everything up to a delivery.
 */
export class Acknowledgements {
  readonly #channel: Pick<Channel, "ack" | "nack">;
  /** Every delivery below this one is settled. Tags count from 1 on each channel. */
  #lowest = 1;
  /** Settled deliveries from {@link #lowest} on. */
  readonly #settled = new Set<number>();
  #waiting: ConsumeMessage[] = [];

  constructor(channel: Pick<Channel, "ack" | "nack">) {
    this.#channel = channel;
  }

  /** It is done with. */
  ack(message: ConsumeMessage): void {
    if (this.#waiting.push(message) === 1) setImmediate(() => this.flush());
  }

  /** Back to its queue, where it was. */
  requeue(message: ConsumeMessage): void {
    this.flush();
    this.#settle(message);
    this.#write(() => this.#channel.nack(message, false, true));
  }

  /** Sends what waits, now. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#settle(message);
    let upTo: ConsumeMessage | undefined;
    const apart: ConsumeMessage[] = [];
    for (const message of waiting) {
      const tag = message.fields.deliveryTag;
      if (tag >= this.#lowest) apart.push(message);
      else if (upTo === undefined || tag > upTo.fields.deliveryTag) upTo = message;
    }
    this.#write(() => {
      if (upTo !== undefined) this.#channel.ack(upTo, true);
      for (const message of apart) this.#channel.ack(message);
    });
  }

  #settle(message: ConsumeMessage): void {
    this.#settled.add(message.fields.deliveryTag);
    while (this.#settled.delete(this.#lowest)) this.#lowest += 1;
  }

  #write(frames: () => void): void {
    try {
      frames();
    } catch {
      // The channel is gone, and with it the broker's wait for this answer: it delivers the message again.
    }
  }
}
