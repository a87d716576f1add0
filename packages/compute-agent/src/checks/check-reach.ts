import type { checkDestinationReach } from "@drover/contracts";
import type { ConnectionOptions } from "@drover/libvirt";
import type { ComputeConfig } from "../compute-config.ts";
import { dialDestination } from "../network/dial-destination.ts";
import type { Knock } from "../network/knock.ts";
import { reachChecks } from "./reach-checks.ts";

type Request = ReturnType<typeof checkDestinationReach.request.parse>;
type Response = ReturnType<typeof checkDestinationReach.response.parse>;

export interface ReachingHost {
  readonly config: ComputeConfig;
  /** How other hosts' libvirtd are dialled. */
  readonly libvirt?: ConnectionOptions | undefined;
  readonly knock: Knock;
}

/** Tries what libvirtd and QEMU of this host would dial to send a guest there. Changes nothing. */
export async function checkReach({ config, libvirt, knock }: ReachingHost, request: Request): Promise<Response> {
  const { destinationHost, libvirtUri, inboundAddress, migrationPorts: ports } = request;
  const [dialled, knocked] = await Promise.all([
    dialDestination(libvirtUri, libvirt?.dial),
    ports === undefined ? null : knock(inboundAddress, ports.min),
  ]);
  const checks = reachChecks({ host: config.host, destinationHost, dialled, inboundAddress, ports, knocked });
  return { checks: [...checks] };
}
