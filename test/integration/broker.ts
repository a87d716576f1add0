/** RabbitMQ and NATS as these tests need them: alike. */
import { type BrokerRole, natsPermissions, rabbitMqPermissions } from "@drover/bus";
import { type Nats, type RabbitMq, type RealService, startNats, startRabbitMq } from "@drover/testkit";
import { connect } from "@nats-io/transport-node";

export type BusDriver = "amqp" | "nats";

export interface Broker extends AsyncDisposable {
  readonly driver: BusDriver;
  /** To kill it, and to start it again; its `url` is that of a user who may do everything. */
  readonly server: RealService;
  /** Name and address of the user for a role that the broker was started with: it may do the least that it needs. */
  userFor(role: BrokerRole): { readonly name: string; readonly url: string };
  /** How many messages one server of a topic has waiting, or taken and not settled. */
  waitingFor(topic: string, server: string): Promise<number>;
}

export async function startBroker(driver: BusDriver, roles: readonly BrokerRole[] = []): Promise<Broker> {
  return driver === "amqp" ? await rabbitMqWith(roles) : await natsWith(roles);
}

async function rabbitMqWith(roles: readonly BrokerRole[]): Promise<Broker> {
  const server: RabbitMq = await startRabbitMq();
  const urls = new Map<string, string>();
  for (const permissions of roles.map((role) => rabbitMqPermissions(role))) {
    urls.set(permissions.user, await server.addUser({ ...permissions, password: passwordOf(permissions.user) }));
  }
  return {
    driver: "amqp",
    server,
    userFor: (role) => known(rabbitMqPermissions(role).user, urls),
    waitingFor: (topic, name) => server.messagesIn(`${topic}.${name}`),
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

async function natsWith(roles: readonly BrokerRole[]): Promise<Broker> {
  const users = roles
    .map((role) => natsPermissions(role))
    .map((permissions) => ({ ...permissions, password: passwordOf(permissions.user) }));
  const server: Nats = await startNats({ users });
  const urls = new Map(users.map(({ user }) => [user, server.urlFor(user)]));
  const { address, port, user, password: pass } = server;
  return {
    driver: "nats",
    server,
    userFor: (role) => known(natsPermissions(role).user, urls),
    waitingFor: async (topic, name) => {
      const connection = await connect({ servers: `${address}:${port}`, user, pass });
      try {
        const answer = await connection.request(`$JS.API.CONSUMER.INFO.DROVER_CASTS.${topic}_${name}`);
        const info: { readonly num_pending: number; readonly num_ack_pending: number } = answer.json();
        return info.num_pending + info.num_ack_pending;
      } finally {
        await connection.close();
      }
    },
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

function passwordOf(user: string): string {
  return `secret of ${user}`;
}

function known(name: string, urls: ReadonlyMap<string, string>) {
  const url = urls.get(name);
  if (url === undefined) throw new Error(`the broker was started without the user ${name}`);
  return { name, url };
}
