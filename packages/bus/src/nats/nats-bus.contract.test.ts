import { type Nats, startNats } from "@drover/testkit";
import { afterAll, beforeAll, expect, vi } from "vitest";
import type { Bus } from "../bus.ts";
import { describeBusContract } from "../bus-contract.ts";
import { openNatsBus } from "./nats-bus.ts";

let broker: Nats;

beforeAll(async () => {
  broker = await startNats();
});

afterAll(async () => {
  await broker?.remove();
});

/** A bus that has found its broker. */
async function connectedBus(name: string): Promise<Bus> {
  const bus = openNatsBus({ urls: [broker.url], name });
  await vi.waitFor(() => expect(bus.status()).toBe("connected"), 10_000);
  return bus;
}

describeBusContract("nats", {
  open: async () => ({ caller: await connectedBus("caller"), callee: await connectedBus("callee") }),
});
