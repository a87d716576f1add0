import { type Nats, type RabbitMq, type RealService, startNats, startRabbitMq } from "@drover/testkit";
import { connect } from "@nats-io/transport-node";
import { natsConnectOptions } from "../nats-connect-options.ts";

/** A broker that can tell what is declared at it. */
export interface CountedBroker {
  readonly service: RealService;
  /** What survives a restart, and what does not: queues at RabbitMQ, consumers of streams at NATS. */
  count(): Promise<{ readonly durable: number; readonly transient: number }>;
}

export const brokers = {
  amqp: async (): Promise<CountedBroker> => {
    const service = await startRabbitMq();
    return { service, count: () => countQueues(service) };
  },
  nats: async (): Promise<CountedBroker> => {
    const service = await startNats();
    return { service, count: () => countConsumers(service) };
  },
} as const;

/** Asked inside the broker: `list_queues` would ask each of the queues, for longer than a restart takes. */
async function countQueues(broker: RabbitMq) {
  const durable = "length([Q || Q <- All, amqqueue:is_durable(Q)])";
  const answer = await broker.rabbitmqctl("eval", `All = rabbit_amqqueue:list(), {length(All), ${durable}}.`);
  const [, all, lasting] = (/\{(\d+),(\d+)\}/.exec(answer) ?? []).map(Number);
  if (all === undefined || lasting === undefined) throw new Error(`rabbitmqctl eval answered ${answer}`);
  return { durable: lasting, transient: all - lasting };
}

async function countConsumers(server: Nats) {
  const connection = await connect(natsConnectOptions(server.url));
  try {
    const { streams = [] } = (await connection.request("$JS.API.STREAM.LIST", "{}", { timeout: 30_000 })).json<{
      streams?: readonly { readonly state: { readonly consumer_count: number } }[];
    }>();
    return { durable: streams.reduce((sum, { state }) => sum + state.consumer_count, 0), transient: 0 };
  } finally {
    await connection.close();
  }
}
