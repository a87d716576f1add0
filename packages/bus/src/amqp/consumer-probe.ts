import { DroverError } from "@drover/model";
import type { Channel, ChannelModel } from "amqplib";
import { Slots } from "../slots.ts";
import { replyCodeOf } from "./broker-refusal.ts";
import { connectionBroke } from "./publisher.ts";

const NOT_FOUND = 404;
/** Questions asked each on a channel of its own, at the same time; RabbitMQ allows a connection 2,047 channels. */
const MAX_OWN_CHANNELS = 64;

/** The channel ended under a question for the sake of another one. */
const UNANSWERED = Symbol("unanswered");

/**
 * Asks for the consumers of queues by passive declarations, over one channel for all. The broker answers one for a queue
 * that is missing, or not ours to see, by closing the channel, with it any other question under way there. Those are
 * asked once more, each on a channel of its own, where nobody else's trouble reaches them.
 */
export class ConsumerProbe {
  readonly #model: Pick<ChannelModel, "createChannel">;
  readonly #lost: AbortSignal;
  readonly #ownChannels = new Slots(MAX_OWN_CHANNELS);
  #shared: Promise<Channel> | undefined;

  constructor(model: Pick<ChannelModel, "createChannel">, lost: AbortSignal) {
    this.#model = model;
    this.#lost = lost;
  }

  /**
   * 0 where there is no such queue.
   *
   * @throws {DroverError} `refused` where the broker does not say, a queue that another connection has for itself among
   * them; `unavailable` if the connection broke first.
   */
  async count(queue: string): Promise<number> {
    const answer = await this.#ask(queue, () => this.#sharedChannel());
    if (answer !== UNANSWERED) return answer;
    const alone = await this.#askAlone(queue);
    if (alone !== UNANSWERED) return alone;
    throw new DroverError("unavailable", `asking who serves ${queue}: the broker gave no answer`);
  }

  async #askAlone(queue: string): Promise<number | typeof UNANSWERED> {
    await this.#ownChannels.take();
    let channel: Channel | undefined;
    try {
      return await this.#ask(queue, async () => {
        channel = await this.#open();
        return channel;
      });
    } finally {
      await channel?.close().catch(() => {});
      this.#ownChannels.release();
    }
  }

  async #ask(queue: string, open: () => Promise<Channel>): Promise<number | typeof UNANSWERED> {
    try {
      return (await (await open()).checkQueue(queue)).consumerCount;
    } catch (cause) {
      if (this.#lost.aborted) throw connectionBroke(this.#lost.reason);
      const code = replyCodeOf(cause);
      if (code === NOT_FOUND) return 0;
      if (code === undefined) return UNANSWERED;
      throw new DroverError("refused", `asking who serves ${queue}`, { cause });
    }
  }

  #sharedChannel(): Promise<Channel> {
    if (this.#shared !== undefined) return this.#shared;
    const opening = this.#open();
    this.#shared = opening;
    const forget = () => {
      if (this.#shared === opening) this.#shared = undefined;
    };
    opening.then((channel) => channel.on("close", forget), forget);
    return opening;
  }

  async #open(): Promise<Channel> {
    const channel = await this.#model.createChannel();
    channel.on("error", () => {});
    return channel;
  }
}
