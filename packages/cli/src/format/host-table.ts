import type { HostView } from "@drover/api-client";
import { formatBytes, formatDuration, formatVersion } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover host list` for people. */
export function hostTable(hosts: readonly HostView[], now: Date): string {
  if (hosts.length === 0) return "No hosts: no agent has reported yet.\n";
  return formatTable(
    ["HOST", "STATE", "ENABLED", "SERVERS", "CPUS", "MEMORY", "HYPERVISOR", "LIBVIRT", "LAST SEEN"],
    hosts.map(({ name, state, enabled, disabledReason, servers, facts, lastSeenAt }) => [
      name,
      state,
      enabled ? "yes" : `no${disabledReason ? `: ${disabledReason}` : ""}`,
      String(servers),
      String(facts.cpus),
      formatBytes(facts.memoryKiB * 1024),
      `${facts.hypervisorType} ${formatVersion(facts.hypervisorVersion)}`,
      formatVersion(facts.libvirtVersion),
      `${formatDuration(now.getTime() - Date.parse(lastSeenAt))} ago`,
    ]),
  );
}
