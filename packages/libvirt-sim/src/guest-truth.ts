import { VIR_DOMAIN_STATE } from "@drover/libvirt";
import type { SimulatedGuest } from "./simulated-guest.ts";
import type { SimulatedHost } from "./simulated-host.ts";

/** One definition on one host, as it is: what a test of invariants looks at, past the protocol and its clients. */
export interface GuestTruth {
  readonly host: string;
  readonly uuid: string;
  readonly name: string;
  /** It has a QEMU process. */
  readonly active: boolean;
  /** Its processors run. */
  readonly running: boolean;
  readonly paused: boolean;
  /** libvirt's reason for the state, by the number of `VIR_DOMAIN_*_REASON`. */
  readonly reason: number;
  readonly persistent: boolean;
  /** The migration job that holds it. */
  readonly job: "none" | "outgoing" | "incoming";
}

export function truthOf(host: SimulatedHost, guest: SimulatedGuest): GuestTruth {
  const { uuid, name, active, running, reason, persistent, state } = guest;
  const paused = state === VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED;
  const job = guest.outgoing !== null ? "outgoing" : guest.incoming !== null ? "incoming" : "none";
  return { host: host.name, uuid, name, active, running, paused, reason, persistent, job };
}
