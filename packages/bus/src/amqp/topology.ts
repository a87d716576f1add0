import type { Channel } from "amqplib";
import { newMessageId } from "../envelope.ts";

/**
 * Queues and exchanges, as oslo.messaging 14 declares them. An exchange that both sides declare must have the same
 * flags: the broker answers any other with 406. Queues of a topic are declared by servers only, so ours may be durable:
 * a cast outlives a broker's restart.
 */
const TRANSIENT_EXPIRY_MS = 30 * 60 * 1000;

export interface TopicQueues {
  /** Any server of the topic. */
  readonly shared: string;
  /** This server alone. */
  readonly direct: string;
  /** This server's copy of what goes to all. */
  readonly fanout: string;
}

export function topicQueues(topic: string, server: string): TopicQueues {
  return { shared: topic, direct: `${topic}.${server}`, fanout: `${topic}_fanout_${newMessageId()}` };
}

export function newReplyQueue(): string {
  return `reply_${newMessageId()}`;
}

export function fanoutExchange(topic: string): string {
  return `${topic}_fanout`;
}

/** Declares what a server of a topic consumes, and binds it for stock clients, which publish to the exchanges. */
export async function declareTopic(
  channel: Channel,
  controlExchange: string,
  topic: string,
  queues: TopicQueues,
): Promise<void> {
  await channel.assertExchange(controlExchange, "topic", { durable: false, autoDelete: false });
  for (const queue of [queues.shared, queues.direct]) {
    await channel.assertQueue(queue, { durable: true, exclusive: false, autoDelete: false });
    await channel.bindQueue(queue, controlExchange, queue);
  }
  await declareFanoutExchange(channel, topic);
  await declareTransientQueue(channel, queues.fanout);
  await channel.bindQueue(queues.fanout, fanoutExchange(topic), topic);
}

export async function declareFanoutExchange(channel: Channel, topic: string): Promise<void> {
  await channel.assertExchange(fanoutExchange(topic), "fanout", { durable: false, autoDelete: true });
}

/** A reply or fanout queue: outlives a lost connection by half an hour, the broker not at all. */
export async function declareTransientQueue(channel: Channel, queue: string): Promise<void> {
  await channel.assertQueue(queue, {
    durable: false,
    exclusive: false,
    autoDelete: false,
    expires: TRANSIENT_EXPIRY_MS,
  });
}
