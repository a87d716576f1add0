import { afterAll, beforeAll, expect } from "vitest";
import type { Bus } from "../bus.ts";
import { describeBusContract, eventually } from "../bus-contract.ts";
import { openAmqpBus } from "./amqp-bus.ts";
import { type RabbitMq, startRabbitMq } from "./rabbit-process.ts";

let broker: RabbitMq;

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.stop();
});

/** A bus that has found its broker. */
async function connectedBus(name: string): Promise<Bus> {
  const bus = openAmqpBus({ urls: [broker.url], name });
  await eventually(() => expect(bus.status()).toBe("connected"));
  return bus;
}

describeBusContract("amqp", async () => ({
  caller: await connectedBus("caller"),
  callee: await connectedBus("callee"),
}));
