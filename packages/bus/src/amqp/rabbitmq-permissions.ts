import { AGENT_TOPICS, type BrokerRole, CONTROL_PLANE_TOPICS, userOf } from "../broker-role.ts";
import { fanoutExchange, PARKED_QUEUE } from "./topology.ts";

/** What `rabbitmqctl set_permissions` takes: regular expressions over the names of queues and exchanges. */
export interface RabbitMqPermissions {
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** What `rabbitmqctl set_topic_permissions` takes, where the role needs less than every routing key. */
  readonly topic?: { readonly exchange: string; readonly write: string; readonly read: string };
}

/** RabbitMQ's name, in permissions, for the exchange without a name. */
const DEFAULT_EXCHANGE = "amq\\.default";
const ID = "[0-9a-f]{32}";
const NOTHING = "^$";

/**
 * The user of a service and the least that it may do at a RabbitMQ.
 *
 * An agent consumes its own host's queues and what is meant for any agent, and publishes through the default exchange
 * alone. It can put a message into any queue that way: what keeps it from commanding another host is that RabbitMQ
 * writes its name on the message. It may break the exchanges of messages to all agents, which only ask.
 *
 * @param controlExchange The bus's, where it is not `drover`.
 */
export function rabbitMqPermissions(role: BrokerRole, controlExchange = "drover"): RabbitMqPermissions {
  const user = userOf(role);
  switch (role.role) {
    case "agent":
      return agentPermissions(user, role.host, controlExchange);
    case "control-plane":
      return controlPlanePermissions(user, literal(controlExchange));
    case "client":
      return clientPermissions(user, controlExchange);
  }
}

function agentPermissions(user: string, host: string, controlExchange: string): RabbitMqPermissions {
  const topics = oneOf(AGENT_TOPICS.map(literal));
  const fanouts = `${topics}_fanout`;
  const own = [`${topics}\\.${literal(host)}`, `${fanouts}_${literal(host)}_${ID}`];
  const replies = `reply_${literal(user)}_${ID}`;
  // Binding its queues, it could otherwise read along what stock clients ask of everybody.
  const keys = anchored(`${topics}(\\.${literal(host)})?`);
  return {
    user,
    configure: anchored(...own, replies, fanouts),
    write: anchored(DEFAULT_EXCHANGE, ...own),
    read: anchored(...own, replies, topics, fanouts, literal(controlExchange)),
    topic: { exchange: controlExchange, write: NOTHING, read: keys },
  };
}

function controlPlanePermissions(user: string, controlExchange: string): RabbitMqPermissions {
  const own = oneOf(CONTROL_PLANE_TOPICS.map(literal));
  const agents = oneOf(AGENT_TOPICS.map(literal));
  const fanouts = `(${own}|${agents})_fanout`;
  const served = [`${own}(\\..+)?`, `${own}_fanout_.+_${ID}`];
  const replies = `reply_${literal(user)}_${ID}`;
  const parked = literal(PARKED_QUEUE);
  return {
    user,
    configure: anchored(...served, agents, fanouts, controlExchange, replies, parked),
    write: anchored(DEFAULT_EXCHANGE, ...served, agents, fanouts),
    read: anchored(...served, fanouts, controlExchange, replies, parked),
  };
}

/** A stock client declares the exchanges that it publishes to, for which RabbitMQ wants the right to configure. */
function clientPermissions(user: string, controlExchange: string): RabbitMqPermissions {
  const topics = [...CONTROL_PLANE_TOPICS, ...AGENT_TOPICS];
  const exchanges = [literal(controlExchange), ...topics.map((topic) => literal(fanoutExchange(topic)))];
  const replies = `reply_(${literal(user)}_)?${ID}`;
  return {
    user,
    configure: anchored(...exchanges, replies),
    write: anchored(DEFAULT_EXCHANGE, ...exchanges),
    read: anchored(replies),
  };
}

function anchored(...patterns: readonly string[]): string {
  return `^${oneOf(patterns)}$`;
}

function oneOf(patterns: readonly string[]): string {
  return `(${patterns.join("|")})`;
}

/** For RabbitMQ's regular expressions, which are Perl's. Host names hold dots and dashes; a dash means nothing here. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
