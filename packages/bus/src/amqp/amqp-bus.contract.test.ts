import { type RabbitMq, startRabbitMq } from "@drover/testkit";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { brokerTestBed, connected } from "../broker-test-bed.test.support.ts";
import { describeBusContract } from "../bus-contract.ts";
import { agentUser } from "../sender.ts";

const { amqpBus, bareAmqp, severableWay } = brokerTestBed(onTestFinished);

let broker: RabbitMq;
const agents = new Map<string, string>();

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

const connectedBus = (name: string, url = broker.url) => connected(amqpBus({ urls: [url], name }));

describeBusContract("amqp", {
  open: async () => ({ caller: await connectedBus("caller"), callee: await connectedBus("callee") }),
  broker: {
    kill: () => broker.kill9(),
    start: () => broker.start(),
    openAnother: (name) => connectedBus(name),
    openThroughProxy: async (name) => {
      const { proxy, url } = await severableWay(broker);
      const bus = await connectedBus(name, url);
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
      const channel = await (await bareAmqp(broker.url)).createConfirmChannel();
      channel.sendToQueue(queue, body);
      await channel.waitForConfirms();
    },
  },
});
