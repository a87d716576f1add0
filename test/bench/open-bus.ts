import { setTimeout as delay } from "node:timers/promises";
import { type Bus, openAmqpBus, openNatsBus } from "@drover/bus";

/** A bus over whichever broker `url` names. It has not found it yet: see {@link untilConnected}. */
export function openBusAt(url: string, name: string): Bus {
  return url.startsWith("amqp:") ? openAmqpBus({ urls: [url], name }) : openNatsBus({ urls: [url], name });
}

/** When a bus is connected, everything that its servers need is declared. */
export async function untilConnected(bus: Bus): Promise<void> {
  while (bus.status() !== "connected") await delay(10);
}
