import type { Channel, ConsumeMessage } from "amqplib";
import { expect, test } from "vitest";
import { Acknowledgements } from "./acknowledgements.ts";

function recorded() {
  const frames: string[] = [];
  const channel: Pick<Channel, "ack" | "nack"> = {
    ack: ({ fields }, allUpTo = false) => void frames.push(`ack ${fields.deliveryTag}${allUpTo ? " and before" : ""}`),
    nack: ({ fields }) => void frames.push(`nack ${fields.deliveryTag}`),
  };
  const message = (deliveryTag: number): ConsumeMessage => ({
    content: Buffer.alloc(0),
    fields: { consumerTag: "1", deliveryTag, redelivered: false, exchange: "", routingKey: "" },
    properties: {
      contentType: undefined,
      contentEncoding: undefined,
      headers: undefined,
      deliveryMode: undefined,
      priority: undefined,
      correlationId: undefined,
      replyTo: undefined,
      expiration: undefined,
      messageId: undefined,
      timestamp: undefined,
      type: undefined,
      userId: undefined,
      appId: undefined,
      clusterId: undefined,
    },
  });
  return { acknowledgements: new Acknowledgements(channel), frames, message };
}

test("one frame acknowledges a row, and none acknowledges what is still under way", () => {
  const { acknowledgements, frames, message } = recorded();
  for (const tag of [2, 1, 4, 6]) acknowledgements.ack(message(tag));
  acknowledgements.flush();
  expect(frames.splice(0)).toEqual(["ack 2 and before", "ack 4", "ack 6"]);
  acknowledgements.requeue(message(3));
  acknowledgements.ack(message(5));
  acknowledgements.flush();
  expect(frames).toEqual(["nack 3", "ack 5 and before"]);
});

test("what is acknowledged in one turn leaves at its end", async () => {
  const { acknowledgements, frames, message } = recorded();
  for (const tag of [1, 2, 3]) acknowledgements.ack(message(tag));
  expect(frames).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(frames).toEqual(["ack 3 and before"]);
});
