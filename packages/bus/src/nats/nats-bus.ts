import { type Clock, DroverError, type Logger } from "@drover/model";
import type { BrokerTls } from "../broker-tls.ts";
import type { Bus } from "../bus.ts";

export interface NatsBusOptions {
  /** `nats://user:password@host:4222`, `tls://…`; several name a cluster's members. */
  readonly urls: readonly string[];
  /** Names the connection at the server. */
  readonly name: string;
  /** Users whose commands are obeyed, beside our own. @default none */
  readonly trustedUsers?: readonly string[];
  readonly tls?: BrokerTls;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** A bus over NATS. */
export function openNatsBus(options: NatsBusOptions): Bus {
  throw new DroverError("unavailable", `${options.name}: the NATS driver is being written`);
}
