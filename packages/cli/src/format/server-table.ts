import type { ServerView } from "@drover/api-client";
import { formatBytes } from "./quantity.ts";
import { formatFacts, formatTable } from "./table.ts";

/** `drover server list` for people. */
export function serverTable(servers: readonly ServerView[]): string {
  if (servers.length === 0) return "No servers.\n";
  return formatTable(
    ["SERVER", "UUID", "HOST", "POWER", "VCPUS", "MEMORY", "MIGRATION"],
    servers.map((server) => [
      server.name,
      server.uuid,
      server.runsTwice.length > 0 ? `ALARM: runs on ${server.runsTwice.join(" and ")}` : server.host,
      server.powerState,
      String(server.vcpus),
      formatBytes(server.memoryKiB * 1024),
      migrationOf(server),
    ]),
  );
}

/** `drover server show` for people. */
export function serverFacts(server: ServerView): string {
  return formatFacts([
    ["server", server.name],
    ["uuid", server.uuid],
    ["host", server.host],
    ["power state", server.powerState],
    ["vcpus", String(server.vcpus)],
    ["memory", formatBytes(server.memoryKiB * 1024)],
    ["persistent", server.persistent ? "yes" : "no"],
    ...(server.availabilityZone === null ? [] : [["zone", server.availabilityZone] as const]),
    ...(server.group === null ? [] : [["server group", server.group] as const]),
    ...(server.lock === null ? [] : [["locked", lockWords(server.lock)] as const]),
    ["migration", migrationOf(server)],
    ["last seen", server.seenAt],
    ...(server.leftovers.length > 0
      ? [["leftovers", `shut-off definitions on ${server.leftovers.join(", ")}`] as const]
      : []),
    ...(server.runsTwice.length > 0
      ? [["ALARM", `runs on ${server.runsTwice.join(" and ")}; every action on it is refused`] as const]
      : []),
  ]);
}

function lockWords({ reason, lockedBy, lockedAt }: NonNullable<ServerView["lock"]>): string {
  return `by ${lockedBy} since ${lockedAt}${reason === null ? "" : `: ${reason}`}`;
}

function migrationOf({ migration }: ServerView): string {
  return migration === null ? "" : `${migration.id} ${migration.status}`;
}
