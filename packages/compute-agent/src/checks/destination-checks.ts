import type { GuestRequirements } from "@drover/contracts";
import type { PreCheck } from "@drover/model";
import { type HostCapabilities, offersFor } from "../guest/host-capabilities.ts";
import type { NetworkNames } from "../guest/interface-network.ts";
import type { Inbound } from "../network/inbound-address.ts";
import { blockMigrationProblem } from "../storage/block-migration-problem.ts";
import type { DiskPlan } from "../storage/plan-disk.ts";
import { beyondLibvirt, machineTypeSince } from "./known-incompatibilities.ts";

/** virCPUCompareResult, or why libvirt could not tell. */
export type CpuAnswer =
  | { readonly kind: "identical" | "superset" | "incompatible" | "not-asked" }
  | { readonly kind: "unsupported"; readonly reason: string };

/** What is known of the host that is to take the guest. */
export interface DestinationFacts {
  readonly host: string;
  readonly serverUuid: string;
  readonly serverName: string;
  readonly sourceHost: string;
  readonly requirements: GuestRequirements;
  readonly capabilities: HostCapabilities;
  readonly hypervisorVersion: number;
  readonly libvirtVersion: number;
  readonly memoryAvailableKiB: number;
  /** UUID of the guest here that has the name, if one has. */
  readonly nameHolder: string | null;
  readonly uuidTaken: boolean;
  readonly cpu: CpuAnswer;
  readonly inboundAddress: string;
  readonly inbound: Inbound;
  /** Where guests' consoles are to listen, and what that is there. */
  readonly consoleAddress: string;
  readonly consoles: Inbound;
  readonly networks: NetworkNames;
  readonly disks: readonly DiskPlan[];
  /** What the requester asked for; null leaves it to Drover. */
  readonly blockMigration: boolean | null;
  /** Of its network storage: what this host does not reach, a sentence each. */
  readonly unreached: readonly string[];
}

/** Can this host take the guest? Every check is answered. */
export function destinationChecks(facts: DestinationFacts): readonly PreCheck[] {
  return [
    otherHost(facts),
    nameFree(facts),
    uuidFree(facts),
    memoryFree(facts),
    cpuCompatible(facts),
    virtTypeOffered(facts),
    machineTypeOffered(facts),
    hypervisorNotOlder(facts),
    libvirtsCan(facts),
    inboundAddressUsable(facts),
    consolesUsable(facts),
    networksNamed(facts),
    disksFit(facts),
    movesAsAsked(facts),
    storageReached(facts),
  ];
}

function otherHost({ host, sourceHost, requirements, capabilities }: DestinationFacts): PreCheck {
  const same = requirements.hostUuid === capabilities.hostUuid;
  return answer(
    "other-host",
    !same,
    `${host} is another machine than ${sourceHost}`,
    `${host} and ${sourceHost} report one libvirt host uuid (${capabilities.hostUuid}): libvirt refuses to migrate ` +
      "to itself; if they are two machines, set host_uuid in libvirtd.conf on one of them",
  );
}

function nameFree({ host, serverName, serverUuid, nameHolder }: DestinationFacts): PreCheck {
  const taken = nameHolder !== null && nameHolder !== serverUuid;
  return answer(
    "name-free",
    !taken,
    `no other guest on ${host} is named ${serverName}`,
    `another guest on ${host} is named ${serverName} (${nameHolder}); rename or undefine one of them`,
  );
}

function uuidFree({ host, serverName, serverUuid, uuidTaken }: DestinationFacts): PreCheck {
  return answer(
    "uuid-free",
    !uuidTaken,
    `${host} has no definition of ${serverName}`,
    `${host} already has a definition with the uuid ${serverUuid}; if it is a leftover, undefine it there`,
  );
}

function memoryFree({ host, requirements, memoryAvailableKiB }: DestinationFacts): PreCheck {
  return answer(
    "memory-free",
    requirements.memoryKiB <= memoryAvailableKiB,
    `${host} has ${mib(memoryAvailableKiB)} MiB for guests`,
    `the guest needs ${mib(requirements.memoryKiB)} MiB and ${host} has ${mib(Math.max(0, memoryAvailableKiB))} MiB ` +
      "left for guests; move another guest away first",
  );
}

function cpuCompatible({ host, cpu }: DestinationFacts): PreCheck {
  switch (cpu.kind) {
    case "incompatible":
      return failed(
        "cpu-compatible",
        `the processors of ${host} lack what the guest's <cpu> asks for; give the guest a CPU model that both hosts have`,
      );
    case "unsupported":
      // As Nova: a libvirt or architecture that cannot compare does not bar the migration; QEMU still checks.
      return passed(
        "cpu-compatible",
        `libvirt on ${host} cannot compare this <cpu> (${cpu.reason}); QEMU decides at the start`,
      );
    case "not-asked":
      return passed("cpu-compatible", "the guest has no <cpu> of its own");
    case "identical":
    case "superset":
      return passed("cpu-compatible", `the processors of ${host} have all that the guest's <cpu> asks for`);
  }
}

function virtTypeOffered({ host, requirements, capabilities }: DestinationFacts): PreCheck {
  const { virtType } = requirements;
  return answer(
    "virt-type",
    offersFor(capabilities, virtType) !== undefined,
    `${host} offers ${virtType} guests`,
    `${host} does not offer ${virtType} guests; check its virtualisation support and QEMU packages`,
  );
}

function machineTypeOffered({ host, requirements, capabilities, hypervisorVersion }: DestinationFacts): PreCheck {
  const { machineType, virtType } = requirements;
  const offered = offersFor(capabilities, virtType)?.machineTypes[virtType] ?? [];
  return answer(
    "machine-type",
    offered.includes(machineType),
    `${host} offers the machine type ${machineType}`,
    `QEMU on ${host} does not offer the machine type ${machineType}; ${machineTypeRemedy(machineType, hypervisorVersion)}`,
  );
}

/** A type is missing because QEMU is older than it, or because QEMU, years later, has dropped it. */
function machineTypeRemedy(machineType: string, hypervisorVersion: number): string {
  const since = machineTypeSince(machineType);
  if (since === null) return "install a QEMU that has it";
  const has = dotted(hypervisorVersion);
  return hypervisorVersion < since
    ? `it came with QEMU ${dotted(since)}, and ${has} is there: upgrade it`
    : `it came with QEMU ${dotted(since)}, and ${has} has it no more: give the guest a newer one while it is shut off`;
}

function hypervisorNotOlder({ host, sourceHost, requirements, hypervisorVersion }: DestinationFacts): PreCheck {
  return answer(
    "hypervisor-version",
    hypervisorVersion >= requirements.hypervisorVersion,
    `the hypervisor of ${host} (${dotted(hypervisorVersion)}) is not older than that of ${sourceHost}`,
    `the hypervisor of ${host} (${dotted(hypervisorVersion)}) is older than that of ${sourceHost} ` +
      `(${dotted(requirements.hypervisorVersion)}): a guest cannot move to an older one; upgrade ${host}`,
  );
}

/** libvirt itself refuses no other release; what one of the two cannot do would end the copy at its start. */
function libvirtsCan({ host, sourceHost, requirements, libvirtVersion }: DestinationFacts): PreCheck {
  const of = { host: sourceHost, version: requirements.libvirtVersion ?? null };
  const both = [of, { host, version: libvirtVersion }];
  const beyond = both.flatMap(({ host: at, version }) =>
    version === null
      ? []
      : beyondLibvirt(version, requirements).map(
          ({ what, sinceLibvirt }) => `${what} needs libvirt ${dotted(sinceLibvirt)}, and ${at} has ${dotted(version)}`,
        ),
  );
  const said = both
    .flatMap((one) => (one.version === null ? [] : `${dotted(one.version)} on ${one.host}`))
    .join(" and ");
  const older = of.version !== null && libvirtVersion < of.version;
  const doubt = older
    ? "; an older one may not know all of the guest's definition, and then refuses it at the start"
    : "";
  return answer(
    "libvirt-version",
    beyond.length === 0,
    `libvirt can do what the move needs: ${said}${doubt}`,
    `${beyond.join("; ")}: upgrade it`,
  );
}

function inboundAddressUsable({ host, inboundAddress, inbound }: DestinationFacts): PreCheck {
  if ("problem" in inbound) {
    return failed(
      "inbound-address",
      `the inbound address ${inboundAddress} of ${host} ${inbound.problem}; correct live_migration_inbound_addr in ` +
        "its [compute] section, or its name service",
    );
  }
  const at = inbound.listenAddress === inboundAddress ? "" : ` (${inbound.listenAddress})`;
  return passed("inbound-address", `${host} takes memory and disks in at ${inboundAddress}${at}`);
}

function consolesUsable({ host, requirements, consoleAddress, consoles }: DestinationFacts): PreCheck {
  const own = requirements.consoleAddresses?.join(", ") ?? "";
  if (own === "") return passed("consoles", "no console of the guest listens on an address of its source");
  if ("problem" in consoles) {
    return failed(
      "consoles",
      `consoles of the guest listen on ${own}, and the address for them, ${consoleAddress} of ${host}, ${consoles.problem}; ` +
        "correct console_listen_addr in its [compute] section",
    );
  }
  return passed("consoles", `consoles that listen on ${own} listen on ${consoles.listenAddress} of ${host}`);
}

function networksNamed({ host, requirements, networks }: DestinationFacts): PreCheck {
  const unknown = (requirements.networks ?? []).filter((name) => networks[name] === undefined);
  return answer(
    "networks",
    unknown.length === 0,
    `${host} has a name of its own for each of the guest's networks, or the same`,
    `the guest is on ${unknown.join(", ")}, which ${host} has no name for; name it in its [compute.networks] section`,
  );
}

function disksFit({ host, disks }: DestinationFacts): PreCheck {
  const refused = disks.filter(({ action }) => action === "refuse");
  const copied = disks.filter(({ action }) => action === "copy").map(({ target }) => target);
  return answer(
    "storage",
    refused.length === 0,
    copied.length === 0 ? `${host} needs no copy of a disk` : `${host} has room for copies of ${copied.join(", ")}`,
    refused.map(({ target, reason }) => `${target}: ${reason}`).join("; "),
  );
}

function movesAsAsked({ host, disks, blockMigration }: DestinationFacts): PreCheck {
  const problem = blockMigrationProblem(host, disks, blockMigration);
  if (problem !== undefined) return failed("block-migration", problem);
  return passed("block-migration", `the guest's disks can move to ${host} in the way that was asked for`);
}

function storageReached({ host, requirements, unreached }: DestinationFacts): PreCheck {
  const tried = requirements.disks.filter(({ servers = [] }) => servers.length > 0).map(({ target }) => target);
  return answer(
    "storage-reach",
    unreached.length === 0,
    tried.length === 0
      ? `the guest has no network storage that ${host} could try`
      : `${host} reaches the storage of ${tried.join(", ")}`,
    `${host} does not reach the guest's network storage: ${unreached.join("; ")}`,
  );
}

function answer(check: string, good: boolean, goodMessage: string, badMessage: string): PreCheck {
  return good ? passed(check, goodMessage) : failed(check, badMessage);
}

function passed(check: string, message: string): PreCheck {
  return { check, passed: true, message };
}

function failed(check: string, message: string): PreCheck {
  return { check, passed: false, message };
}

function mib(kib: number): number {
  return Math.floor(kib / 1024);
}

/** libvirt's version number in words: 7002000 is 7.2.0. */
function dotted(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join(".");
}
