import { type Clock, DroverError, type Logger } from "@drover/model";
import { openAmqpBus } from "./amqp/amqp-bus.ts";
import type { Bus } from "./bus.ts";
import { openInProcessBus } from "./in-process-bus.ts";

/** Which driver, and what it needs: `[bus]` of the configuration. */
export interface BusSettings {
  readonly driver: "in-process" | "amqp";
  /** For `amqp`: the broker's address with user and password; several, separated by commas, name a cluster's members. */
  readonly url: string | null;
}

/**
 * Opens the configured driver. Returns at once, also while the broker is away; see {@link Bus}.
 *
 * @throws {DroverError} `bad-request` when the driver needs an address and has none.
 */
export function openBus(
  settings: BusSettings,
  process: { readonly name: string; readonly logger: Logger; readonly clock: Clock },
): Bus {
  if (settings.driver === "in-process") return openInProcessBus(process);
  if (settings.url === null) throw new DroverError("bad-request", "bus.url must be given for the driver amqp");
  return openAmqpBus({ urls: settings.url.split(","), ...process });
}
