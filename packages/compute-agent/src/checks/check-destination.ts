import type { checkCanLiveMigrateDestination, GuestRequirements } from "@drover/contracts";
import { isLibvirtError, type LibvirtConnection, VIR_CPU_COMPARE } from "@drover/libvirt";
import { errorChain } from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "../compute-config.ts";
import { readHostCapabilities } from "../guest/host-capabilities.ts";
import type { GuestInventory } from "../inventory/guest-inventory.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import type { HostStorage } from "../storage/host-storage.ts";
import { type CpuAnswer, destinationChecks } from "./destination-checks.ts";

type Request = ReturnType<typeof checkCanLiveMigrateDestination.request.parse>;
type Response = ReturnType<typeof checkCanLiveMigrateDestination.response.parse>;

export interface DestinationHost {
  readonly link: LibvirtLink;
  readonly inventory: GuestInventory;
  readonly config: ComputeConfig;
  readonly storage: HostStorage;
  /** Rejects when the name or address cannot be resolved from here. */
  readonly resolveAddress: (address: string) => Promise<unknown>;
}

/** Asks this host whether it can take the guest, and answers every check. Changes nothing. */
export async function checkDestination(host: DestinationHost, request: Request): Promise<Response> {
  const { questions } = host.link;
  const { inboundAddress } = inboundEndpoint(host.config);
  const [capabilitiesXml, hypervisorVersion, node, domains, cpu, inboundProblem, disks] = await Promise.all([
    questions.connect.getCapabilities(),
    questions.connect.getVersion(),
    questions.connect.nodeGetInfo(),
    questions.domain.listAll(),
    compareCpu(questions, request.requirements),
    whyUnresolved(host, inboundAddress),
    host.storage.plan(request.requirements.disks),
  ]);
  const reservedKiB = host.config.reserved_host_memory_mb * 1024;
  const memoryAvailableKiB = Number(node.memory) - reservedKiB - host.inventory.activeMemoryKiB();
  const checks = destinationChecks({
    host: host.config.host,
    serverUuid: request.serverUuid,
    serverName: request.serverName,
    sourceHost: request.sourceHost,
    requirements: request.requirements,
    capabilities: readHostCapabilities(capabilitiesXml),
    hypervisorVersion,
    memoryAvailableKiB,
    nameHolder: domains.find((domain) => domain.name === request.serverName)?.uuid ?? null,
    uuidTaken: domains.some((domain) => domain.uuid === request.serverUuid),
    cpu,
    inboundAddress,
    inboundProblem,
    disks,
  });
  return { checks: [...checks], memoryAvailableKiB };
}

/** What a guest gets is the hypervisor's CPU; an older libvirt (before 4.4.0) can only compare with the host's. */
async function compareCpu(connection: LibvirtConnection, requirements: GuestRequirements): Promise<CpuAnswer> {
  const { cpuXml, machineType, virtType } = requirements;
  if (cpuXml === null) return { kind: "not-asked" };
  try {
    const query = { machine: machineType, virtType };
    return cpuAnswer(await connection.connect.compareHypervisorCPU(cpuXml, query));
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
  }
  try {
    return cpuAnswer(await connection.connect.compareCPU(cpuXml));
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
    return { kind: "unsupported", reason: error.text };
  }
}

function cpuAnswer(result: number): CpuAnswer {
  if (result === VIR_CPU_COMPARE.VIR_CPU_COMPARE_IDENTICAL) return { kind: "identical" };
  if (result === VIR_CPU_COMPARE.VIR_CPU_COMPARE_SUPERSET) return { kind: "superset" };
  return { kind: "incompatible" };
}

async function whyUnresolved(host: DestinationHost, address: string): Promise<string | null> {
  try {
    await host.resolveAddress(address);
    return null;
  } catch (error) {
    return errorChain(error);
  }
}
