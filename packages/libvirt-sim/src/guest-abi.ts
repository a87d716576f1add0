import { LibvirtError, VIR_FROM } from "@drover/libvirt";
import type { DomainDefinition } from "./domain-xml.ts";

/**
 * libvirt's check that the destination's document describes the same machine (virDomainDefCheckABIStability), as far as
 * the simulated guest has properties.
 *
 * @throws {LibvirtError} VIR_ERR_CONFIG_UNSUPPORTED naming what differs.
 */
export function checkSameGuest(source: DomainDefinition, target: DomainDefinition): void {
  if (source.uuid !== target.uuid) throw differs("uuid", target.uuid, source.uuid);
  if (source.memoryKiB !== target.memoryKiB) throw differs("max memory", target.memoryKiB, source.memoryKiB);
  if (source.vcpus !== target.vcpus) throw differs("vCPU max", target.vcpus, source.vcpus);
}

function differs(what: string, target: string | number, source: string | number): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_CONFIG_UNSUPPORTED",
    `unsupported configuration: Target domain ${what} ${target} does not match source ${source}`,
    VIR_FROM.VIR_FROM_DOMAIN,
  );
}
