import type { KnownServer } from "@drover/fleet";
import type { PowerState } from "@drover/model";

/** A server in Nova's three words and a number. */
export interface NovaServerState {
  readonly status: string;
  readonly vmState: string;
  readonly taskState: string | null;
  /** Nova's numbers: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended. */
  readonly powerState: number;
  /** Why the status is ERROR. */
  readonly fault: string | null;
}

const resting: Readonly<Record<PowerState, readonly [status: string, vmState: string, powerState: number]>> = {
  running: ["ACTIVE", "active", 1],
  blocked: ["ACTIVE", "active", 1],
  paused: ["PAUSED", "paused", 3],
  shutdown: ["SHUTOFF", "stopped", 4],
  shutoff: ["SHUTOFF", "stopped", 4],
  crashed: ["ERROR", "error", 6],
  pmsuspended: ["SUSPENDED", "suspended", 7],
  nostate: ["UNKNOWN", "active", 0],
};

/** True while a live migration of it is under way in Nova's sense; in `error` it waits for a person instead. */
export function isMigrating(server: KnownServer): boolean {
  return server.migration !== null && server.migration.state !== "error";
}

export function novaServerState(server: KnownServer): NovaServerState {
  const [status, vmState, powerState] = resting[server.powerState];
  const fault = faultOf(server);
  if (fault !== null) return { status: "ERROR", vmState: "error", taskState: null, powerState, fault };
  return isMigrating(server)
    ? { status: "MIGRATING", vmState, taskState: "migrating", powerState, fault }
    : { status, vmState, taskState: null, powerState, fault };
}

function faultOf(server: KnownServer): string | null {
  if (server.runsTwice.length > 0) return `runs on several hosts at once: ${server.runsTwice.join(", ")}`;
  if (server.migration?.state === "error") return server.migration.reason ?? "a migration ended in error";
  return server.powerState === "crashed" ? "the guest crashed" : null;
}
