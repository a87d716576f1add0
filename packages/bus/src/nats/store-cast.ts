import { CONFIRM_WAIT_MS, nobodyServes, queueName } from "../outgoing.ts";
import type { NatsSession } from "./nats-session.ts";
import { CAST_STREAM, isConsumerMissing, isStreamMissing } from "./streams.ts";
import { castSubject, consumerName } from "./subjects.ts";

/** A cast on its way. */
export interface OutgoingCast {
  readonly topic: string;
  readonly server: string | undefined;
  readonly method: string;
  /** Sent again with the same id within two minutes it is stored once. */
  readonly uniqueId: string;
  readonly body: Uint8Array;
}

/**
 * Puts a cast where its server takes it from: it is on the NATS server's disk when this resolves.
 *
 * @param sender Our user as a token.
 * @throws {DroverError} `agent-unreachable` where there has never been a server to take it. @throws what the library says
 * when it could not be stored.
 */
export async function storeCast(session: NatsSession, sender: string, cast: OutgoingCast): Promise<void> {
  const { topic, server, method, uniqueId, body } = cast;
  session.assertFits(body);
  const consumer = consumerName(topic, server);
  if (!session.knownConsumers.has(consumer)) {
    try {
      await session.jsm.consumers.info(CAST_STREAM, consumer);
    } catch (error) {
      if (!isConsumerMissing(error) && !isStreamMissing(error)) throw error;
      throw nobodyServes(method, queueName(topic, server));
    }
    session.knownConsumers.add(consumer);
  }
  await session.js.publish(castSubject(topic, server, sender), body, { msgID: uniqueId, timeout: CONFIRM_WAIT_MS });
}
