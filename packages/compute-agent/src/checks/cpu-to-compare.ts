import type { GuestDefinition } from "../guest/guest-definition.ts";

/** These give a KVM guest the processor of its host, whatever it is. */
const HOSTS_OWN: ReadonlySet<string | null> = new Set(["host-passthrough", "maximum"]);

/** What libvirt on the destination is to compare, and with what. */
export interface ComparedCpu {
  /** Null when the guest asks for none, or libvirt does not know the host's. */
  readonly cpuXml: string | null;
  /**
   * `guest`: with what the destination's hypervisor can give. `host`: with the destination's own processor. A host has what
   * QEMU gives to no guest (`ht`, `osxsave`, …), so that the hypervisor of the very same host is told to lack it.
   */
  readonly cpuOf: "guest" | "host";
}

/**
 * The `<cpu>` that the destination must be able to give the guest.
 *
 * A guest that was given its host's very processor (`host-passthrough`, and `maximum` under KVM) may use all of it, so that is
 * what the destination must have. `host-model` needs nothing of the kind: while a guest runs, libvirt (from 3.2.0) shows the
 * model and the features that it became. Under TCG `maximum` is QEMU's own processor, the same everywhere.
 *
 * @param hostCpuXml The `<cpu>` of the source's capabilities; null when libvirt does not know it.
 */
export function cpuToCompare(
  { cpuMode, cpuXml, virtType }: Pick<GuestDefinition, "cpuMode" | "cpuXml" | "virtType">,
  hostCpuXml: string | null,
): ComparedCpu {
  if (!HOSTS_OWN.has(cpuMode)) return { cpuXml, cpuOf: "guest" };
  if (virtType === "kvm") return { cpuXml: hostCpuXml, cpuOf: "host" };
  return { cpuXml: cpuMode === "maximum" ? null : cpuXml, cpuOf: "guest" };
}
