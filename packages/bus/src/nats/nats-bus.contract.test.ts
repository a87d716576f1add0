import { type Nats, startNats } from "@drover/testkit";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { brokerTestBed, connected } from "../broker-test-bed.test.support.ts";
import { describeBusContract } from "../bus-contract.ts";
import { agentUser } from "../sender.ts";
import { castSubject } from "./subjects.ts";

const { bareNats, natsBus, severableWay } = brokerTestBed(onTestFinished);

/** The suite's agents speak to topics of its own, and to each other's hosts: what they may ask is up to who is asked. */
const agents = ["hosta", "hostb"].map((host) => ({
  user: agentUser(host),
  password: "secret",
  publish: [">"],
  subscribe: [">"],
}));

let broker: Nats;

beforeAll(async () => {
  broker = await startNats({ users: agents });
});

afterAll(async () => {
  await broker?.remove();
});

const connectedBus = (name: string, url = broker.url) => connected(natsBus({ urls: [url], name }));

describeBusContract("nats", {
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
    openAgent: (host) => connectedBus(`agent ${host}`, broker.urlFor(agentUser(host))),
    sendGarbage: async (queue, body) => {
      const [topic = "", server] = queue.split(".");
      const { user, password: pass, port } = broker;
      const connection = await bareNats({ port, user, pass });
      connection.publish(castSubject(topic, server, "anybody"), body);
      await connection.flush();
    },
  },
});
