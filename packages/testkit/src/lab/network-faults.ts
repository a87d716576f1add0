import { TestkitError } from "../testkit-error.ts";
import type { LabHost } from "./lab-host.ts";
import type { LabNetworkName } from "./lab-network.ts";

/**
 * Resets every TCP connection that a host has on a network, as a router that forgot them would: both ends learn it at
 * once. Needs a kernel with CONFIG_INET_DIAG_DESTROY, as Debian's.
 *
 * @throws {TestkitError} if connections are left.
 */
export async function resetConnections(host: LabHost, network: LabNetworkName): Promise<void> {
  const address = network === "management" ? host.managementAddress : host.migrationAddress;
  await host.exec("ss", ["--tcp", "--kill", "--no-header", "src", address]);
  const { stdout } = await host.exec("ss", ["--tcp", "--no-header", "state", "established", "src", address]);
  if (stdout.trim() !== "") {
    throw new TestkitError(`connections of ${host.name} were not reset; does the kernel allow it?\n${stdout}`);
  }
}

/**
 * Holds what a host sends on a network to a rate, by a token bucket (tc-tbf(8)).
 *
 * @param bandwidthMiBps MiB/s; 0 lifts the limit.
 */
export async function limitBandwidth(host: LabHost, network: LabNetworkName, bandwidthMiBps: number): Promise<void> {
  if (bandwidthMiBps === 0) {
    // There may be none to delete.
    await host.exec("tc", ["qdisc", "delete", "dev", network, "root"]).catch(() => undefined);
    return;
  }
  const bitsPerSecond = Math.round(bandwidthMiBps * 1024 * 1024 * 8);
  const bucket = ["rate", `${bitsPerSecond}bit`, "burst", "512kb", "latency", "50ms"];
  await host.exec("tc", ["qdisc", "replace", "dev", network, "root", "tbf", ...bucket]);
}
