/** RabbitMQ and NATS as these tests need them: alike. */
import { type Nats, type RabbitMq, type RealService, startNats, startRabbitMq } from "@drover/testkit";
import { connect } from "@nats-io/transport-node";

export type BusDriver = "amqp" | "nats";

export interface Broker extends AsyncDisposable {
  readonly driver: BusDriver;
  /** To kill it, and to start it again; its `url` is that of a user who may do everything. */
  readonly server: RealService;
  /** How many messages one server of a topic has waiting, or taken and not settled. */
  waitingFor(topic: string, server: string): Promise<number>;
}

export async function startBroker(driver: BusDriver): Promise<Broker> {
  return driver === "amqp" ? overRabbitMq(await startRabbitMq()) : overNats(await startNats());
}

function overRabbitMq(server: RabbitMq): Broker {
  return {
    driver: "amqp",
    server,
    waitingFor: async (topic, name) => {
      const queues = await server.rabbitmqctl("--quiet", "list_queues", "name", "messages", "--no-table-headers");
      const line = queues.split("\n").find((entry) => entry.startsWith(`${topic}.${name}\t`));
      return Number(line?.split("\t")[1] ?? Number.NaN);
    },
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

function overNats(server: Nats): Broker {
  return {
    driver: "nats",
    server,
    waitingFor: async (topic, name) => {
      const connection = await connect({
        servers: `${server.address}:${server.port}`,
        user: server.user,
        pass: server.password,
      });
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
