import { type RabbitMq, startRabbitMq, startSeverableProxy } from "@drover/testkit";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect, vi } from "vitest";
import type { Bus } from "../bus.ts";
import { describeBusContract } from "../bus-contract.ts";
import { agentUser } from "../sender.ts";
import { openAmqpBus } from "./amqp-bus.ts";

let broker: RabbitMq;
const agents = new Map<string, string>();

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

/** A bus that has found its broker. */
async function connectedBus(name: string, url = broker.url): Promise<Bus> {
  const bus = openAmqpBus({ urls: [url], name });
  await vi.waitFor(() => expect(bus.status()).toBe("connected"), 10_000);
  return bus;
}

describeBusContract("amqp", {
  open: async () => ({ caller: await connectedBus("caller"), callee: await connectedBus("callee") }),
  broker: {
    kill: () => broker.kill9(),
    start: () => broker.start(),
    openAnother: (name) => connectedBus(name),
    openThroughProxy: async (name) => {
      const proxy = await startSeverableProxy(broker);
      const url = new URL(broker.url);
      url.port = String(proxy.port);
      const bus = await connectedBus(name, url.href);
      return { bus, sever: proxy.sever, cutAfter: proxy.cutAfter, closeProxy: () => proxy.close() };
    },
    openAgent: async (host) => {
      const user = agentUser(host);
      const url =
        agents.get(user) ??
        (await broker.addUser({ user, password: "secret", configure: ".*", write: ".*", read: ".*" }));
      agents.set(user, url);
      return connectedBus(user, url);
    },
    sendGarbage: async (queue, body) => {
      const model = await connect(broker.url);
      const channel = await model.createConfirmChannel();
      channel.sendToQueue(queue, body);
      await channel.waitForConfirms();
      await model.close();
    },
  },
});
