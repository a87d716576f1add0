import type { checkCanLiveMigrateSource } from "@drover/contracts";
import { isActive } from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "../compute-config.ts";
import { consolesToMove } from "../guest/console-address.ts";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { readHostCapabilities } from "../guest/host-capabilities.ts";
import { sharedNetworks } from "../guest/interface-network.ts";
import { parseXml } from "../guest/xml-element.ts";
import { domainOf, readGuest, unlessGone } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { disksToMove } from "../storage/disks-to-move.ts";
import { withVolumes } from "../storage/volume-disks.ts";
import { whyUnsafe } from "../storage/why-unsafe.ts";
import type { HostFiles } from "../tls/host-files.ts";
import { readSourceLibvirtTls } from "../tls/libvirt-certificates.ts";
import { sourceTls } from "../tls/native-tls.ts";
import { readQemuCertificates } from "../tls/qemu-certificates.ts";
import { cpuToCompare } from "./cpu-to-compare.ts";
import { sourceChecks } from "./source-checks.ts";

type Request = ReturnType<typeof checkCanLiveMigrateSource.request.parse>;
type Response = ReturnType<typeof checkCanLiveMigrateSource.response.parse>;

export interface SourceHost {
  readonly link: LibvirtLink;
  readonly config: ComputeConfig;
  readonly hostFiles: HostFiles;
}

/** Asks libvirt about a guest that is to leave, and answers every check. Changes nothing. */
export async function checkSource({ link, config, hostFiles }: SourceHost, request: Request): Promise<Response> {
  const { questions } = link;
  const { host } = config;
  const { serverUuid, serverName, blockMigration, storageIsProved = false } = request;
  const domain = domainOf(request);
  const [found, xml] = await Promise.all([
    readGuest(questions, domain),
    unlessGone(questions.domain.getXMLDesc(domain)),
  ]);
  if (found === null || xml === null) {
    const checks = sourceChecks({ ...request, storageIsProved, host, guest: null, jobUnderWay: false });
    return { checks: [...checks], requirements: null };
  }
  const defined = readGuestDefinition(xml);
  const definition = { ...defined, disks: await withVolumes(questions, defined.disks) };
  const { powerState } = found.guest;
  const checks = sourceChecks({
    host,
    serverUuid,
    serverName,
    blockMigration,
    storageIsProved,
    guest: { powerState, definition },
    jobUnderWay: isActive(powerState) && found.job !== "none",
  });
  const { libvirtUri } = inboundEndpoint(config);
  const movable = isActive(powerState) ? definition.disks : [];
  const asksLibvirt = storageIsProved && movable.length > 0 && found.job === "none";
  const unsafe = asksLibvirt
    ? await link.withBlockingConnection((connection) => whyUnsafe(connection, domain, movable))
    : new Map<string, string>();
  const [capabilitiesXml, hypervisorVersion, libvirtVersion, disks, certificates, libvirtTls] = await Promise.all([
    questions.connect.getCapabilities(),
    questions.connect.getVersion(),
    questions.connect.getLibVersion(),
    disksToMove(questions, domain, movable, { contentUri: libvirtUri, storageIsProved, unsafe }),
    readQemuCertificates(hostFiles, config.live_migration_with_native_tls),
    readSourceLibvirtTls(hostFiles, libvirtUri),
  ]);
  const capabilities = readHostCapabilities(capabilitiesXml);
  return {
    checks: [...checks],
    requirements: {
      memoryKiB: found.guest.memoryKiB,
      vcpus: found.guest.vcpus,
      ...cpuToCompare(definition, capabilities.cpuXml),
      virtType: definition.virtType,
      machineType: definition.machineType,
      hypervisorVersion,
      libvirtVersion,
      hostUuid: capabilities.hostUuid,
      disks,
      libvirtTls,
      nativeTls: sourceTls(certificates),
      consoleAddresses: [...consolesToMove(parseXml(xml))],
      networks: [...sharedNetworks(parseXml(xml), config.networks)],
    },
  };
}
