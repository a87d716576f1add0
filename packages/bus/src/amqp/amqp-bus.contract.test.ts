import { type RabbitMq, startRabbitMq } from "@drover/testkit";
import { afterAll, beforeAll, expect, vi } from "vitest";
import type { Bus } from "../bus.ts";
import { describeBusContract } from "../bus-contract.ts";
import { openAmqpBus } from "./amqp-bus.ts";

let broker: RabbitMq;

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

/** A bus that has found its broker. */
async function connectedBus(name: string): Promise<Bus> {
  const bus = openAmqpBus({ urls: [broker.url], name });
  await vi.waitFor(() => expect(bus.status()).toBe("connected"), 10_000);
  return bus;
}

describeBusContract("amqp", {
  open: async () => ({ caller: await connectedBus("caller"), callee: await connectedBus("callee") }),
});
