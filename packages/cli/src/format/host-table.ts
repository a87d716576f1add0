import type { HostView } from "@drover/api-client";
import { formatBytes, formatDuration, formatVersion } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover host list` for people. */
export function hostTable(hosts: readonly HostView[], now: Date): string {
  if (hosts.length === 0) return "No hosts: no agent has reported yet.\n";
  const limited = hosts.some((host) => host.maxOutgoingMigrations !== null || host.maxIncomingMigrations !== null);
  const zoned = hosts.some((host) => host.aggregates.length > 0);
  return formatTable(
    [
      "HOST",
      "STATE",
      "ENABLED",
      ...(zoned ? ["ZONE", "AGGREGATES"] : []),
      ...(limited ? ["MAX OUT", "MAX IN"] : []),
      "SERVERS",
      "CPUS",
      "MEMORY",
      "HYPERVISOR",
      "LIBVIRT",
      "LAST SEEN",
    ],
    hosts.map(({ name, state, servers, facts, lastSeenAt, ...host }) => [
      name,
      host.forcedDown ? "down (forced)" : state,
      enabledWords(host),
      ...(zoned ? [host.availabilityZone, host.aggregates.join(", ")] : []),
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

/** What keeps guests from it, if anything does. */
function enabledWords({
  enabled,
  disabledReason,
  maintenance,
}: Pick<HostView, "enabled" | "disabledReason" | "maintenance">): string {
  const kept = [
    ...(enabled ? [] : [disabledReason ?? ""]),
    ...(maintenance === null ? [] : [`maintenance: ${maintenance.reason}`]),
  ];
  const reasons = kept.filter((reason) => reason !== "").join("; ");
  return kept.length === 0 ? "yes" : `no${reasons === "" ? "" : `: ${reasons}`}`;
}

function limitWords(limit: number | null): string {
  return limit === null ? "default" : String(limit);
}
