import type { Channel, ChannelModel } from "amqplib";
import { replyCodeOf } from "./broker-refusal.ts";
import { connectionBroke } from "./publisher.ts";

const NOT_FOUND = 404;

/**
 * Asks for the consumers of queues by passive declarations. The broker answers one for a missing queue by closing the
 * channel, with it any other question under way there: those are asked again on the next channel.
 */
export class ConsumerProbe {
  readonly #model: ChannelModel;
  readonly #lost: AbortSignal;
  #channel: Promise<Channel> | undefined;

  constructor(model: ChannelModel, lost: AbortSignal) {
    this.#model = model;
    this.#lost = lost;
  }

  /** 0 where there is no such queue. @throws {DroverError} `unavailable` if the connection broke first. */
  async count(queue: string): Promise<number> {
    for (;;) {
      this.#channel ??= this.#open();
      try {
        const channel = await this.#channel;
        return (await channel.checkQueue(queue)).consumerCount;
      } catch (error) {
        if (this.#lost.aborted) throw connectionBroke(this.#lost.reason);
        if (replyCodeOf(error) === NOT_FOUND) return 0;
      }
    }
  }

  async #open(): Promise<Channel> {
    const channel = await this.#model.createChannel();
    channel.on("error", () => {});
    channel.on("close", () => {
      this.#channel = undefined;
    });
    return channel;
  }
}
