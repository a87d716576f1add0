import type { KnownHost } from "@drover/fleet";
import { hostId, takesGuests } from "./hypervisor-view.ts";
import { SINCE } from "./microversion.ts";
import { microsecondsTime } from "./nova-time.ts";

/** A host's agent as a `nova-compute`. */
export function viewService(host: KnownHost, minor: number): object {
  return {
    id: hostId(host, minor),
    binary: "nova-compute",
    host: host.facts.host,
    zone: host.availabilityZone,
    status: takesGuests(host) ? "enabled" : "disabled",
    state: host.up ? "up" : "down",
    updated_at: microsecondsTime(host.lastSeenAt),
    disabled_reason:
      host.disabledReason ?? (host.maintenance === null ? null : `maintenance: ${host.maintenance.reason}`),
    ...(minor >= SINCE.forcedDown ? { forced_down: host.forcedDown } : {}),
  };
}
