import type { Bus } from "./bus.ts";

/** What a bus around another one leaves to it as it is. */
export function passedOn(bus: Bus): Omit<Bus, "call" | "cast" | "serve"> {
  return {
    status: () => bus.status(),
    listParked: (limit) => bus.listParked(limit),
    releaseParked: (id, release) => bus.releaseParked(id, release),
    ping: () => bus.ping(),
    close: () => bus.close(),
  };
}
