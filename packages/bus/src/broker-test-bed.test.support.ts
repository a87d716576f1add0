import { type SeverableProxy, startSeverableProxy, waitFor } from "@drover/testkit";
import { type NatsConnection, connect as natsConnect } from "@nats-io/transport-node";
import { connect as amqpConnect, type ChannelModel } from "amqplib";
import { type AmqpBusOptions, openAmqpBus } from "./amqp/amqp-bus.ts";
import type { Bus } from "./bus.ts";
import { type SampleContracts, sampleContracts } from "./bus-contract.ts";
import { type NatsBusOptions, openNatsBus } from "./nats/nats-bus.ts";

let topics = 0;

/** A topic that no other test of the file has, and contracts of it. */
export function newTopic(): { readonly topic: string; readonly contracts: SampleContracts } {
  topics += 1;
  const topic = `topic${topics}`;
  return { topic, contracts: sampleContracts(topic) };
}

/** The bus, once it has found its broker. */
export async function connected(bus: Bus): Promise<Bus> {
  await waitFor("the bus to find its broker", () => bus.status() === "connected");
  return bus;
}

export function addressThrough(url: string, port: number): string {
  const address = new URL(url);
  address.port = String(port);
  return address.href;
}

/**
 * What tests against a real broker open.
 *
 * @param afterTest Vitest's `onTestFinished`: all is closed then, what was opened last first.
 */
export function brokerTestBed(afterTest: (close: () => Promise<void>) => void) {
  const closedAfterTest = (bus: Bus): Bus => {
    afterTest(() => bus.close());
    return bus;
  };
  return {
    /** A bus that need not find its broker. */
    amqpBus: (options: Omit<AmqpBusOptions, "name"> & { readonly name?: string }): Bus =>
      closedAfterTest(openAmqpBus({ name: "test", ...options })),

    /** The same over NATS. */
    natsBus: (options: Omit<NatsBusOptions, "name"> & { readonly name?: string }): Bus =>
      closedAfterTest(openNatsBus({ name: "test", ...options })),

    /** A client without a bus, for what no bus of ours would do. */
    bareAmqp: async (url: string): Promise<ChannelModel> => {
      const model = await amqpConnect(url);
      model.on("error", () => {});
      afterTest(() => model.close().catch(() => {}));
      return model;
    },

    /** The same over NATS. */
    bareNats: async (options: Parameters<typeof natsConnect>[0]): Promise<NatsConnection> => {
      const connection = await natsConnect(options);
      afterTest(async () => void (await connection.close()));
      return connection;
    },

    /** A way to the broker that can be cut, and the broker's address on that way. */
    severableWay: async (
      broker: Parameters<typeof startSeverableProxy>[0] & { readonly url: string },
    ): Promise<{ readonly proxy: SeverableProxy; readonly url: string }> => {
      const proxy = await startSeverableProxy(broker);
      afterTest(() => proxy.close());
      return { proxy, url: addressThrough(broker.url, proxy.port) };
    },
  };
}
