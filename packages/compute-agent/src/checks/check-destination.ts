import type { checkCanLiveMigrateDestination, GuestRequirements } from "@drover/contracts";
import { type DomainCapabilitiesQuery, isLibvirtError, type LibvirtConnection, VIR_CPU_COMPARE } from "@drover/libvirt";
import { type Clock, isActive } from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "../compute-config.ts";
import { readHostCapabilities } from "../guest/host-capabilities.ts";
import type { GuestInventory } from "../inventory/guest-inventory.ts";
import type { Journal } from "../journal/journal.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { findInbound, type ResolveAddress } from "../network/inbound-address.ts";
import type { Knock } from "../network/knock.ts";
import type { HostStorage } from "../storage/host-storage.ts";
import { storageNotReached } from "../storage/storage-reach.ts";
import type { HostFiles } from "../tls/host-files.ts";
import { libvirtTlsCheck } from "../tls/libvirt-certificates.ts";
import { nativeTlsCheck } from "../tls/native-tls.ts";
import { readQemuCertificates } from "../tls/qemu-certificates.ts";
import { type CpuAnswer, destinationChecks } from "./destination-checks.ts";

type Request = ReturnType<typeof checkCanLiveMigrateDestination.request.parse>;
type Response = ReturnType<typeof checkCanLiveMigrateDestination.response.parse>;

export interface DestinationHost {
  readonly link: LibvirtLink;
  readonly inventory: GuestInventory;
  readonly journal: Journal;
  readonly config: ComputeConfig;
  readonly storage: HostStorage;
  readonly resolveAddress: ResolveAddress;
  readonly hostFiles: HostFiles;
  readonly clock: Clock;
  readonly knock: Knock;
}

/** Asks this host whether it can take the guest, and answers every check. Changes nothing. */
export async function checkDestination(host: DestinationHost, request: Request): Promise<Response> {
  const { questions } = host.link;
  const { inboundAddress, libvirtUri } = inboundEndpoint(host.config);
  const consoleAddress = host.config.console_listen_addr ?? host.config.host;
  const [
    capabilitiesXml,
    hypervisorVersion,
    libvirtVersion,
    node,
    domains,
    cpu,
    inbound,
    consoles,
    certificates,
    disks,
    unreached,
  ] = await Promise.all([
    questions.connect.getCapabilities(),
    questions.connect.getVersion(),
    questions.connect.getLibVersion(),
    questions.connect.nodeGetInfo(),
    questions.domain.listAll(),
    compareCpu(questions, request.requirements),
    findInbound(inboundAddress, host.resolveAddress),
    findInbound(consoleAddress, host.resolveAddress),
    readQemuCertificates(host.hostFiles, host.config.live_migration_with_native_tls),
    host.storage.plan({ ...request, ...request.requirements }),
    storageNotReached(request.requirements.disks, host.knock),
  ]);
  const reservedKiB = host.config.reserved_host_memory_mb * 1024;
  const usedKiB = host.inventory.activeMemoryKiB() - comingMemoryKiB(host);
  const memoryAvailableKiB = Number(node.memory) - reservedKiB - usedKiB;
  const checks = destinationChecks({
    host: host.config.host,
    serverUuid: request.serverUuid,
    serverName: request.serverName,
    sourceHost: request.sourceHost,
    requirements: request.requirements,
    capabilities: readHostCapabilities(capabilitiesXml),
    hypervisorVersion,
    libvirtVersion,
    memoryAvailableKiB,
    nameHolder: domains.find((domain) => domain.name === request.serverName)?.uuid ?? null,
    uuidTaken: domains.some((domain) => domain.uuid === request.serverUuid),
    cpu,
    inboundAddress,
    inbound,
    consoleAddress,
    consoles,
    networks: host.config.networks,
    disks,
    blockMigration: request.blockMigration ?? null,
    unreached,
  });
  const pair = { host: host.config.host, sourceHost: request.sourceHost, nowMs: host.clock.now().getTime() };
  const libvirtTls = await libvirtTlsCheck({
    ...pair,
    libvirtUri,
    source: request.requirements.libvirtTls ?? null,
    files: host.hostFiles,
  });
  const nativeTls = nativeTlsCheck({
    ...pair,
    inboundAddress,
    source: request.requirements.nativeTls ?? null,
    destination: certificates,
  });
  return { checks: [...checks, libvirtTls, nativeTls], memoryAvailableKiB };
}

/** Memory of the guests that are active here and on their way: their claims stand for it. */
function comingMemoryKiB({ inventory, journal }: DestinationHost): number {
  const coming = new Set(journal.preparedEntries().map(({ serverUuid }) => serverUuid));
  return inventory
    .guests()
    .filter(({ uuid, powerState }) => coming.has(uuid) && isActive(powerState))
    .reduce((sum, { memoryKiB }) => sum + memoryKiB, 0);
}

/**
 * What a guest gets is the hypervisor's CPU, or its host's own where it was given that; an older libvirt (before 4.4.0) can
 * only compare with the host's.
 */
async function compareCpu(connection: LibvirtConnection, requirements: GuestRequirements): Promise<CpuAnswer> {
  const { cpuXml, cpuOf, machineType, virtType } = requirements;
  if (cpuXml === null) return { kind: "not-asked" };
  if (cpuOf !== "host") {
    const answer = await compareWithHypervisor(connection, cpuXml, { machine: machineType, virtType });
    if (answer !== null) return answer;
  }
  try {
    return cpuAnswer(await connection.connect.compareCPU(cpuXml));
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
    return { kind: "unsupported", reason: error.text };
  }
}

/** Null where libvirt cannot. */
async function compareWithHypervisor(
  { connect }: LibvirtConnection,
  cpuXml: string,
  query: DomainCapabilitiesQuery,
): Promise<CpuAnswer | null> {
  try {
    return cpuAnswer(await connect.compareHypervisorCPU(cpuXml, query));
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
    return null;
  }
}

function cpuAnswer(result: number): CpuAnswer {
  if (result === VIR_CPU_COMPARE.VIR_CPU_COMPARE_IDENTICAL) return { kind: "identical" };
  if (result === VIR_CPU_COMPARE.VIR_CPU_COMPARE_SUPERSET) return { kind: "superset" };
  return { kind: "incompatible" };
}
