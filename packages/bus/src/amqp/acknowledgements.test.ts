import type { Channel } from "amqplib";
import { expect, test } from "vitest";
import { Acknowledgements } from "./acknowledgements.ts";
import { deliveredMessage } from "./delivered-message.test.support.ts";

function recorded() {
  const frames: string[] = [];
  const channel: Pick<Channel, "ack" | "nack"> = {
    ack: ({ fields }, allUpTo = false) => void frames.push(`ack ${fields.deliveryTag}${allUpTo ? " and before" : ""}`),
    nack: ({ fields }) => void frames.push(`nack ${fields.deliveryTag}`),
  };
  return { acknowledgements: new Acknowledgements(channel), frames };
}

test("one frame acknowledges a row, and none acknowledges what is still under way", () => {
  const { acknowledgements, frames } = recorded();
  for (const tag of [2, 1, 4, 6]) acknowledgements.ack(deliveredMessage(tag));
  acknowledgements.flush();
  expect(frames.splice(0)).toEqual(["ack 2 and before", "ack 4", "ack 6"]);
  acknowledgements.requeue(deliveredMessage(3));
  acknowledgements.ack(deliveredMessage(5));
  acknowledgements.flush();
  expect(frames).toEqual(["nack 3", "ack 5 and before"]);
});

test("what is acknowledged in one turn leaves at its end", async () => {
  const { acknowledgements, frames } = recorded();
  for (const tag of [1, 2, 3]) acknowledgements.ack(deliveredMessage(tag));
  expect(frames).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(frames).toEqual(["ack 3 and before"]);
});
