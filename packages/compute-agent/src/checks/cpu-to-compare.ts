import type { GuestDefinition } from "../guest/guest-definition.ts";

/** These give a KVM guest the processor of its host, whatever it is. */
const HOSTS_OWN: ReadonlySet<string | null> = new Set(["host-passthrough", "maximum"]);

/**
 * The `<cpu>` that the destination must be able to give the guest, for libvirt to compare; null when the guest asks for none.
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
): string | null {
  if (!HOSTS_OWN.has(cpuMode)) return cpuXml;
  if (virtType === "kvm") return hostCpuXml;
  return cpuMode === "maximum" ? null : cpuXml;
}
