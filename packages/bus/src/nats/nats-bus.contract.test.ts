import { type Nats, startNats, startSeverableProxy } from "@drover/testkit";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, vi } from "vitest";
import type { Bus } from "../bus.ts";
import { describeBusContract } from "../bus-contract.ts";
import { agentUser } from "../sender.ts";
import { openNatsBus } from "./nats-bus.ts";
import { castSubject } from "./subjects.ts";

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

/** A bus that has found its broker. */
async function connectedBus(name: string, url = broker.url): Promise<Bus> {
  const bus = openNatsBus({ urls: [url], name });
  await vi.waitFor(() => expect(bus.status()).toBe("connected"), 10_000);
  return bus;
}

describeBusContract("nats", {
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
      return {
        bus,
        sever: () => proxy.sever(),
        cutAfter: (bytes) => proxy.cutAfter(bytes),
        closeProxy: () => proxy.close(),
      };
    },
    openAgent: (host) => connectedBus(`agent ${host}`, broker.urlFor(agentUser(host))),
    sendGarbage: async (queue, body) => {
      const [topic = "", server] = queue.split(".");
      const { user, password: pass, port } = broker;
      const connection = await connect({ port, user, pass });
      connection.publish(castSubject(topic, server, "anybody"), body);
      await connection.drain();
    },
  },
});
