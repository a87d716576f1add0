import type { ConsumeMessage } from "amqplib";

/** A message without properties, as the client hands it to a consumer. */
export function deliveredMessage(deliveryTag: number, content = Buffer.alloc(0)): ConsumeMessage {
  return {
    content,
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
  };
}
