import type { AggregateView, ServerGroupView } from "@drover/api-client";
import { formatTable } from "./table.ts";

/** `drover server-group list` for people. */
export function serverGroupTable(groups: readonly ServerGroupView[]): string {
  if (groups.length === 0) return "No server groups.\n";
  return formatTable(
    ["GROUP", "POLICY", "SERVERS"],
    groups.map(({ name, policy, maxServersPerHost, servers }) => [
      name,
      maxServersPerHost > 1 ? `${policy}, ${maxServersPerHost} per host` : policy,
      servers.map((server) => `${server.name ?? server.uuid} (${server.host ?? "no host has it"})`).join(", "),
    ]),
  );
}

/** `drover aggregate list` for people. */
export function aggregateTable(aggregates: readonly AggregateView[]): string {
  if (aggregates.length === 0) return "No aggregates.\n";
  return formatTable(
    ["AGGREGATE", "ZONE", "HOSTS", "METADATA"],
    aggregates.map(({ name, availabilityZone, hosts, metadata }) => [
      name,
      availabilityZone ?? "",
      hosts.join(", "),
      Object.entries(metadata)
        .map(([key, value]) => `${key}=${value}`)
        .join(", "),
    ]),
  );
}
