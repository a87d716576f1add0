import { type BrokerRole, natsPermissions, rabbitMqPermissions } from "@drover/bus";

/** Whose users are wanted: every service of the control plane, these hosts' agents and these other services. */
export interface UsersOf {
  readonly hosts: readonly string[];
  readonly clients: readonly string[];
}

const CONTROL_PLANE = ["conductor", "scheduler", "api"] as const;

/** Commands for a shell on RabbitMQ's machine; `add_user` asks for each password. */
export function rabbitMqUsers(of: UsersOf, vhost: string): string {
  return rolesOf(of)
    .map((role) => rabbitMqPermissions(role))
    .flatMap(({ user, configure, write, read, topic }) => [
      `rabbitmqctl add_user ${quoted(user)}`,
      `rabbitmqctl set_permissions -p ${quoted(vhost, user, configure, write, read)}`,
      ...(topic === undefined
        ? []
        : [`rabbitmqctl set_topic_permissions -p ${quoted(vhost, user, topic.exchange, topic.write, topic.read)}`]),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

/** The block `authorization` of nats-server's configuration, in which JSON may be written; passwords are to be filled in. */
export function natsUsers(of: UsersOf): string {
  const users = rolesOf(of)
    .map((role) => natsPermissions(role))
    .map(({ user, publish, subscribe }) => ({
      user,
      password: "CHANGE-ME",
      permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
    }));
  return `authorization: ${JSON.stringify({ users }, null, 2)}\n`;
}

function rolesOf({ hosts, clients }: UsersOf): readonly BrokerRole[] {
  return [
    ...CONTROL_PLANE.map((name) => ({ role: "control-plane", name }) as const),
    ...hosts.map((host) => ({ role: "agent", host }) as const),
    ...clients.map((name) => ({ role: "client", name }) as const),
  ];
}

/** For a POSIX shell: within single quotes only the quote itself means something. */
function quoted(...texts: readonly string[]): string {
  return texts.map((text) => `'${text.replaceAll("'", String.raw`'\''`)}'`).join(" ");
}
