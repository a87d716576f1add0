import { AckPolicy, type Consumer, DeliverPolicy } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { queueName } from "../outgoing.ts";
import { type NatsSession, permissionViolation } from "./nats-session.ts";
import { CAST_STREAM, ensureStreams, isOtherConsumer, isStreamMissing } from "./streams.ts";
import { ANYBODY, castSubject, consumerName } from "./subjects.ts";

/** A cast whose server says nothing for this long goes to another one. */
const ACK_WAIT_MS = 10_000;
/** What the server may have given out and heard nothing of, over all servers of a target: each asks for its own share. */
const MAX_UNSETTLED = 20_000;
/** Servers that ask for a topic's casts at the same time. */
const MAX_WAITING_PULLS = 20_000;

/** Casts for any server of a topic, or for one: a durable consumer of the stream. */
export interface CastTarget {
  /** Undefined for any. */
  readonly server: string | undefined;
  /** The consumer's. */
  readonly name: string;
  /** For people: `<topic>` or `<topic>.<server>`. */
  readonly queue: string;
  readonly subject: string;
}

export function castTarget(topic: string, server: string | undefined): CastTarget {
  return {
    server,
    name: consumerName(topic, server),
    queue: queueName(topic, server),
    subject: castSubject(topic, server, ANYBODY),
  };
}

/** Creates the target's consumer, or finds it; and the streams, if nobody has and we may. */
export async function ensureCastConsumer(session: NatsSession, target: CastTarget): Promise<Consumer> {
  try {
    return await addConsumer(session, target);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
  }
  await ensureStreams(session);
  return await addConsumer(session, target);
}

/** Our user may not have this consumer. Where it may not create the stream, the consumer may be ours when somebody has. */
export function isCastConsumerRefused(error: unknown, { name }: CastTarget): boolean {
  return permissionViolation(error)?.subject.includes(`.CONSUMER.CREATE.${CAST_STREAM}.${name}.`) === true;
}

async function addConsumer({ js, jsm }: NatsSession, target: CastTarget): Promise<Consumer> {
  const config = {
    name: target.name,
    durable_name: target.name,
    filter_subject: target.subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    deliver_policy: DeliverPolicy.All,
    // The tries are counted by who runs it, which knows what a try was.
    max_deliver: -1,
    max_ack_pending: MAX_UNSETTLED,
    max_waiting: MAX_WAITING_PULLS,
  };
  try {
    return js.consumers.getConsumerFromInfo(await jsm.consumers.add(CAST_STREAM, config));
  } catch (error) {
    if (!isOtherConsumer(error)) throw error;
  }
  return js.consumers.getConsumerFromInfo(await jsm.consumers.update(CAST_STREAM, target.name, config));
}
