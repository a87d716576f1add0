import { DroverError, errorChain, type Logger } from "@drover/model";
import type { Channel } from "amqplib";
import { AGENT_TOPICS } from "../broker-role.ts";
import { newMessageId } from "../envelope.ts";
import { MAX_PARKED } from "../parked.ts";
import { agentUser } from "../sender.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { replyCodeOf } from "./broker-refusal.ts";

/**
 * Queues and exchanges, as oslo.messaging 14 declares them. An exchange that both sides declare must have the same
 * flags: the broker answers any other with 406. Queues of a topic are declared by servers only, so ours may be durable:
 * a cast outlives a broker's restart.
 *
 * RabbitMQ asks for the right to configure even where a declaration changes nothing, and for none where it is passive.
 * So an agent looks up what all share, and everybody else declares it for the agents: see {@link declareForAgents}.
 */
const TRANSIENT_EXPIRY_MS = 30 * 60 * 1000;
/** What stays of parked messages, all together: the oldest give way. */
const MAX_PARKED_BYTES = 256 * 1024 * 1024;
const ACCESS_REFUSED = 403;
const OTHER_FLAGS = 406;

export const PARKED_QUEUE = "drover.parked";

export interface TopicQueues {
  /** Any server of the topic. */
  readonly shared: string;
  /** This server alone. */
  readonly direct: string;
  /** This server's copy of what goes to all. */
  readonly fanout: string;
}

export function topicQueues(topic: string, server: string): TopicQueues {
  // Named for its server, so that no other agent need be let near it.
  return {
    shared: topic,
    direct: `${topic}.${server}`,
    fanout: `${fanoutExchange(topic)}_${server}_${newMessageId()}`,
  };
}

/** Stock servers answer to whatever name a request gives. Ours says whose it is, so that permissions can tell. */
export function newReplyQueue(user: string): string {
  return `reply_${user}_${newMessageId()}`;
}

export function fanoutExchange(topic: string): string {
  return `${topic}_fanout`;
}

/**
 * Declares what a server of a topic consumes, and binds it for stock clients, which publish to the exchanges.
 *
 * @throws the broker's refusal; {@link DroverError} `unavailable` where an agent must wait for others to declare.
 */
export async function declareTopic(
  session: AmqpSession,
  channel: Channel,
  controlExchange: string,
  topic: string,
  queues: TopicQueues,
): Promise<void> {
  if (isAgent(session.user)) {
    await lookUp(session, `the exchange ${controlExchange} and the queue ${topic}`, {
      check: async (scratch) => {
        await scratch.checkExchange(controlExchange);
        await scratch.checkQueue(topic);
      },
      declare: async (scratch) => {
        await declareControlExchange(session, controlExchange);
        await declareBound(scratch, controlExchange, topic);
      },
    });
    await lookUp(session, `the exchange ${fanoutExchange(topic)}`, {
      check: (scratch) => scratch.checkExchange(fanoutExchange(topic)),
      declare: (scratch) => declareFanoutExchange(scratch, topic),
    });
  } else {
    await declareControlExchange(session, controlExchange);
    await declareBound(channel, controlExchange, topic);
    await declareFanoutExchange(channel, topic);
  }
  await declareBound(channel, controlExchange, queues.direct);
  await declareTransientQueue(channel, queues.fanout);
  await channel.bindQueue(queues.fanout, fanoutExchange(topic), topic);
}

/** What agents need and may not declare. Whoever may does it, on every new connection: bindings end with the broker. */
export async function declareForAgents(session: AmqpSession, controlExchange: string, logger: Logger): Promise<void> {
  if (isAgent(session.user)) return;
  try {
    const otherFlags = await declareControlExchange(session, controlExchange);
    if (otherFlags !== undefined) {
      logger.error(
        { exchange: controlExchange, reason: errorChain(otherFlags) },
        "the control exchange has other flags than stock clients declare it with, so the broker refuses it to them; " +
          "Drover works without. Delete the exchange and restart Drover's services, which declare it anew",
      );
    }
    await session.scratch(async (channel) => {
      await declareParkedQueue(channel);
      for (const topic of AGENT_TOPICS) await declareBound(channel, controlExchange, topic);
    });
  } catch (error) {
    const fields = { user: session.user, reason: errorChain(error) };
    if (replyCodeOf(error) === ACCESS_REFUSED) logger.debug(fields, "not ours to declare the agents' queues");
    else logger.warn(fields, "the agents' queues could not be declared");
  }
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

export async function declareParkedQueue(channel: Channel): Promise<void> {
  await channel.assertQueue(PARKED_QUEUE, {
    durable: true,
    maxLength: MAX_PARKED,
    arguments: { "x-overflow": "drop-head", "x-max-length-bytes": MAX_PARKED_BYTES },
  });
}

/**
 * Only stock clients publish to it, so one that somebody made with other flags or of another type stops nobody else: it
 * is left and bound to as it is. Returns the broker's words about it then.
 */
async function declareControlExchange(session: AmqpSession, exchange: string): Promise<unknown> {
  try {
    await session.scratch((channel) =>
      channel.assertExchange(exchange, "topic", { durable: false, autoDelete: false }),
    );
    return undefined;
  } catch (error) {
    if (replyCodeOf(error) === OTHER_FLAGS) return error;
    throw error;
  }
}

async function declareBound(channel: Channel, controlExchange: string, queue: string): Promise<void> {
  await channel.assertQueue(queue, { durable: true, exclusive: false, autoDelete: false });
  await channel.bindQueue(queue, controlExchange, queue);
}

/** Declares what is missing, for an agent: it may not, unless its broker's permissions are wider than need be. */
async function lookUp(
  session: AmqpSession,
  what: string,
  { check, declare }: Readonly<Record<"check" | "declare", (channel: Channel) => Promise<unknown>>>,
): Promise<void> {
  if (await session.exists(check)) return;
  try {
    await session.scratch(declare);
  } catch (cause) {
    if (replyCodeOf(cause) !== ACCESS_REFUSED) throw cause;
    throw new DroverError(
      "unavailable",
      `${what} are not there, and the broker's user ${session.user} may not declare them: start the conductor, which does`,
      { cause },
    );
  }
}

function isAgent(user: string): boolean {
  return user.startsWith(agentUser(""));
}
