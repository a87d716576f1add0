import type { LibvirtConnection } from "@drover/libvirt";
import type { HostFacts } from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "../compute-config.ts";
import { readHostCapabilities } from "../guest/host-capabilities.ts";
import { reachableAddresses } from "../network/inbound-address.ts";
import { readMigrationPorts } from "../network/migration-ports.ts";
import type { HostFiles } from "../tls/host-files.ts";

/** What this host is, from its libvirt and its configuration. */
export async function readHostFacts(
  connection: LibvirtConnection,
  config: ComputeConfig,
  hostFiles: HostFiles,
): Promise<HostFacts> {
  const { connect } = connection;
  const [capabilitiesXml, type, hypervisorVersion, libvirtVersion, node, migrationPorts] = await Promise.all([
    connect.getCapabilities(),
    connect.getType(),
    connect.getVersion(),
    connect.getLibVersion(),
    connect.nodeGetInfo(),
    readMigrationPorts(hostFiles),
  ]);
  const capabilities = readHostCapabilities(capabilitiesXml);
  return {
    host: config.host,
    hostUuid: capabilities.hostUuid,
    hypervisorType: type,
    hypervisorVersion,
    libvirtVersion,
    cpuArch: capabilities.cpuArch,
    cpuModel: capabilities.cpuModel,
    cpus: node.cpus,
    memoryKiB: Number(node.memory),
    ...inboundEndpoint(config),
    addresses: reachableAddresses(),
    migrationPorts,
  };
}
