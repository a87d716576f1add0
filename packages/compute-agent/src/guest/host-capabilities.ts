import { childrenNamed, find, formatXml, parseXml, type XmlElement } from "./xml-element.ts";

/** What libvirt offers guests of one architecture on this host. */
export interface OfferedArch {
  readonly arch: string;
  readonly virtTypes: readonly string[];
  /** Machine types by virt type; aliases (`pc`, `q35`) are among them. */
  readonly machineTypes: Readonly<Record<string, readonly string[]>>;
}

/** The part of libvirt's capabilities document that Drover looks at. */
export interface HostCapabilities {
  readonly hostUuid: string;
  readonly cpuArch: string;
  readonly cpuModel: string;
  /** The host's own `<cpu>` as XML; null when libvirt does not know it. */
  readonly cpuXml: string | null;
  readonly offered: readonly OfferedArch[];
  /** As whom QEMU runs, by the security driver `dac`; null when libvirt does not say. */
  readonly qemuUid: number | null;
}

/** @throws {DroverError} `protocol` when it is not XML. */
export function readHostCapabilities(xml: string): HostCapabilities {
  const capabilities = parseXml(xml);
  const host = find(capabilities, "host");
  const cpu = find(host, "cpu");
  return {
    hostUuid: find(host, "uuid")?.text ?? "",
    cpuArch: find(cpu, "arch")?.text ?? "",
    cpuModel: find(cpu, "model")?.text ?? "",
    cpuXml: cpu === undefined ? null : formatXml(cpu),
    qemuUid: readQemuUid(host),
    offered: childrenNamed(capabilities, "guest").flatMap((guest) => childrenNamed(guest, "arch").map(readArch)),
  };
}

/** `<secmodel><model>dac</model><baselabel type="kvm">+64055:+64055</baselabel>`: user and group (1.1.1). */
function readQemuUid(host: XmlElement | undefined): number | null {
  const dac = childrenNamed(host, "secmodel").find((model) => find(model, "model")?.text === "dac");
  const [, uid] = /^\+?(\d+):/.exec(find(dac, "baselabel")?.text ?? "") ?? [];
  return uid === undefined ? null : Number(uid);
}

/** Machine types stand below `<arch>`, for all virt types, and below `<domain>`, where one has its own list. */
function readArch(arch: XmlElement): OfferedArch {
  const common = machineNames(arch);
  const domains = childrenNamed(arch, "domain");
  const entries = domains.map((domain) => {
    const own = machineNames(domain);
    return [domain.attributes.type ?? "", own.length > 0 ? own : common] as const;
  });
  return {
    arch: arch.attributes.name ?? "",
    virtTypes: entries.map(([virtType]) => virtType),
    machineTypes: Object.fromEntries(entries),
  };
}

function machineNames(element: XmlElement): readonly string[] {
  return childrenNamed(element, "machine").map((machine) => machine.text);
}

/** What is offered to guests of that virt type on the host's own architecture, or on any when it is not known. */
export function offersFor(capabilities: HostCapabilities, virtType: string): OfferedArch | undefined {
  const fitting = capabilities.offered.filter((offered) => offered.virtTypes.includes(virtType));
  return fitting.find((offered) => offered.arch === capabilities.cpuArch) ?? fitting[0];
}
