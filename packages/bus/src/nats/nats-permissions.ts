import { AGENT_TOPICS, type BrokerRole, CONTROL_PLANE_TOPICS, userOf } from "../broker-role.ts";
import { CAST_STREAM } from "./streams.ts";
import {
  ANYBODY,
  callSubject,
  castSubject,
  consumerName,
  encodeToken,
  fanoutSubject,
  inboxPrefix,
  parkedSubject,
  REPLY_PREFIX,
} from "./subjects.ts";

/** A user and all that it may do; lists of subjects as `permissions` of the server's configuration has them. */
export interface NatsPermissions {
  readonly user: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * What a NATS server must let a user do, and no more: it is these that make a sender's name in a subject worth something.
 *
 * An agent's user publishes as itself only, to the conductor; listens to its own host, to what goes to all agents, and to
 * its own answers; and takes its own host's casts. The control plane may use all of JetStream's API: it creates the streams.
 */
export function natsPermissions(role: BrokerRole): NatsPermissions {
  const user = userOf(role);
  const sender = encodeToken(user);
  const answers = [`${REPLY_PREFIX}${sender}.>`, `${inboxPrefix(sender)}.>`];
  switch (role.role) {
    case "agent":
      return {
        user,
        publish: [
          `drover.call.conductor.*.${sender}`,
          `${REPLY_PREFIX}>`,
          parkedSubject(sender),
          ...AGENT_TOPICS.flatMap((topic) => takeCasts(topic, role.host)),
        ],
        subscribe: [
          ...AGENT_TOPICS.flatMap((topic) => [
            callSubject(topic, undefined, ANYBODY),
            callSubject(topic, role.host, ANYBODY),
            fanoutSubject(topic, ANYBODY),
          ]),
          ...answers,
        ],
      };
    case "control-plane":
      return {
        user,
        publish: [...anybodyAs(sender), `${REPLY_PREFIX}>`, parkedSubject(sender), "$JS.API.>", "$JS.ACK.>"],
        subscribe: [
          ...CONTROL_PLANE_TOPICS.flatMap((topic) => [`drover.call.${topic}.>`, fanoutSubject(topic, ANYBODY)]),
          ...answers,
        ],
      };
    case "client":
      return {
        user,
        publish: [...anybodyAs(sender), `$JS.API.CONSUMER.INFO.${CAST_STREAM}.*`],
        subscribe: answers,
      };
  }
}

/** To send to any target as oneself. */
function anybodyAs(sender: string): string[] {
  return [`drover.call.*.*.${sender}`, `drover.cast.*.*.${sender}`, `drover.fanout.*.${sender}`];
}

/** To create the consumer of one server's casts, to ask it for messages, and to say what became of them. */
function takeCasts(topic: string, server: string): string[] {
  const name = consumerName(topic, server);
  return [
    `$JS.API.CONSUMER.CREATE.${CAST_STREAM}.${name}.${castSubject(topic, server, ANYBODY)}`,
    `$JS.API.CONSUMER.INFO.${CAST_STREAM}.${name}`,
    `$JS.API.CONSUMER.MSG.NEXT.${CAST_STREAM}.${name}`,
    `$JS.ACK.${CAST_STREAM}.${name}.>`,
    // As servers with a JetStream domain have it: domain and account come first.
    `$JS.ACK.*.*.${CAST_STREAM}.${name}.>`,
  ];
}
