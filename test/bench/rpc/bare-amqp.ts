import { randomUUID } from "node:crypto";
import { type Channel, connect } from "amqplib";
import type { EchoSides } from "./echo-side.ts";

const QUEUE = "bench-bare";
const PREFETCH = 100;

/** amqplib as its best user writes an RPC that promises nothing: no acknowledgements, no confirms, no deadlines. */
export const sides: EchoSides = {
  async serve(url) {
    const channel = await openChannel(url);
    await channel.assertQueue(QUEUE, { durable: false, autoDelete: true });
    const answer = ({
      content,
      properties,
    }: {
      content: Buffer;
      properties: { replyTo: string; correlationId: string };
    }) =>
      channel.sendToQueue(properties.replyTo, Buffer.from(JSON.stringify(JSON.parse(content.toString()))), {
        correlationId: properties.correlationId,
      });
    await channel.consume(QUEUE, (message) => message && answer(message), { noAck: true });
  },

  async connect(url) {
    const channel = await openChannel(url);
    const replyTo = `bench-bare-reply-${randomUUID()}`;
    await channel.assertQueue(replyTo, { durable: false, exclusive: true });
    const waiting = new Map<string, (answer: unknown) => void>();
    await channel.consume(
      replyTo,
      (message) => {
        if (message === null) return;
        const { correlationId } = message.properties;
        waiting.get(correlationId)?.(JSON.parse(message.content.toString()));
        waiting.delete(correlationId);
      },
      { noAck: true },
    );
    let sent = 0;
    return (payload) =>
      new Promise((resolve) => {
        sent += 1;
        const correlationId = String(sent);
        waiting.set(correlationId, resolve);
        channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(payload)), { correlationId, replyTo });
      });
  },
};

async function openChannel(url: string): Promise<Channel> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  await channel.prefetch(PREFETCH);
  return channel;
}
