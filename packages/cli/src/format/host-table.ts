import type { HostView } from "@drover/api-client";
import { formatBytes, formatDuration, formatVersion } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover host list` for people. */
export function hostTable(hosts: readonly HostView[], now: Date): string {
  if (hosts.length === 0) return "No hosts: no agent has reported yet.\n";
  const limited = hosts.some((host) => host.maxOutgoingMigrations !== null || host.maxIncomingMigrations !== null);
  return formatTable(
    [
      "HOST",
      "STATE",
      "ENABLED",
      ...(limited ? ["MAX OUT", "MAX IN"] : []),
      "SERVERS",
      "CPUS",
      "MEMORY",
      "HYPERVISOR",
      "LIBVIRT",
      "LAST SEEN",
    ],
    hosts.map(({ name, state, enabled, disabledReason, servers, facts, lastSeenAt, ...host }) => [
      name,
      state,
      enabled ? "yes" : `no${disabledReason ? `: ${disabledReason}` : ""}`,
      ...(limited ? [limitWords(host.maxOutgoingMigrations), limitWords(host.maxIncomingMigrations)] : []),
      String(servers),
      String(facts.cpus),
      formatBytes(facts.memoryKiB * 1024),
      `${facts.hypervisorType} ${formatVersion(facts.hypervisorVersion)}`,
      formatVersion(facts.libvirtVersion),
      `${formatDuration(now.getTime() - Date.parse(lastSeenAt))} ago`,
    ]),
  );
}

function limitWords(limit: number | null): string {
  return limit === null ? "default" : String(limit);
}
