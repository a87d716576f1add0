import type { KnownHost } from "@drover/fleet";
import { takesGuests } from "./hypervisor-view.ts";
import type { NovaRoutes } from "./nova-context.ts";
import { microsecondsTime } from "./nova-time.ts";

/** `/os-availability-zone[/detail]`: the zones that hosts are in. One is available while a host in it takes guests. */
export const availabilityZoneRoutes: NovaRoutes = (app, { fleet }) => {
  app.get("/os-availability-zone", async () => zones(await fleet.hosts(), () => null));
  app.get("/os-availability-zone/detail", async () => zones(await fleet.hosts(), hostsOf));
};

/** Those that are available first, as in Nova. */
function zones(hosts: readonly KnownHost[], detail: (hosts: readonly KnownHost[]) => object | null): object {
  const all = [...Map.groupBy(hosts, (host) => host.availabilityZone)].map(([zoneName, members]) => ({
    zoneName,
    taking: members.filter(takesGuests),
  }));
  const inOrder = all.sort((a, b) => Number(b.taking.length > 0) - Number(a.taking.length > 0));
  return {
    availabilityZoneInfo: inOrder.map(({ zoneName, taking }) => ({
      zoneName,
      zoneState: { available: taking.length > 0 },
      hosts: taking.length > 0 ? detail(taking) : null,
    })),
  };
}

function hostsOf(hosts: readonly KnownHost[]): object {
  return Object.fromEntries(
    hosts.map((host) => [
      host.facts.host,
      { "nova-compute": { available: host.up, active: true, updated_at: microsecondsTime(host.lastSeenAt) } },
    ]),
  );
}
