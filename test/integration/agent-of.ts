import type { RunningFleet } from "@drover/libvirt-sim";
import { type DroverProcess, type OwnedFolder, startDroverProcess } from "@drover/testkit";

/**
 * Starts the agent of a simulated host as a process.
 *
 * @param env `DROVER_*` variables of its bus, its progress and the like.
 */
export function startAgentOf(
  fleet: RunningFleet,
  host: string,
  { folder, env }: { readonly folder: OwnedFolder; readonly env: Readonly<Record<string, string>> },
): Promise<DroverProcess> {
  const { uri } = fleet.host(host);
  const own = {
    DROVER_COMPUTE_HOST: host,
    DROVER_COMPUTE_LIBVIRT_URI: uri,
    // By its socket: no network knows the simulated hosts' names.
    DROVER_COMPUTE_LIBVIRT_MIGRATION_URI: uri,
    DROVER_COMPUTE_LIVE_MIGRATION_INBOUND_ADDR: "127.0.0.1",
  };
  return startDroverProcess({ service: "compute-agent", label: `agent-${host}`, folder, env: { ...env, ...own } });
}
