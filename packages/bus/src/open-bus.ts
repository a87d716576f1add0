import type { Clock, Logger } from "@drover/model";
import { openAmqpBus } from "./amqp/amqp-bus.ts";
import type { Bus } from "./bus.ts";
import { openInProcessBus } from "./in-process-bus.ts";

/** Which driver, and what it needs: `[bus]` of the configuration. */
export interface BusSettings {
  readonly driver: "in-process" | "amqp";
  /** Broker's address with user and password; several, separated by commas, name a cluster's members. */
  readonly url: string;
}

/** Opens the configured driver. Returns at once, also while the broker is away; see {@link Bus}. */
export function openBus(
  settings: BusSettings,
  process: { readonly name: string; readonly logger: Logger; readonly clock: Clock },
): Bus {
  return settings.driver === "in-process"
    ? openInProcessBus(process)
    : openAmqpBus({ urls: settings.url.split(","), ...process });
}
