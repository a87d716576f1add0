import { VIR_DOMAIN_UNDEFINE } from "@drover/libvirt";

/** libvirt 8.9.0 brought the flag, and removes the state without it; releases before refuse a flag that they do not know. */
const KEEPS_TPM_SINCE = 8_009_000;

/**
 * Flags to undefine a guest that is elsewhere. Its firmware variables and its vTPM's state may be on storage that it uses there
 * now.
 *
 * @param libvirtVersion major * 1,000,000 + minor * 1,000 + release.
 */
export function undefineFlags(libvirtVersion: number): number {
  const { VIR_DOMAIN_UNDEFINE_KEEP_NVRAM, VIR_DOMAIN_UNDEFINE_KEEP_TPM } = VIR_DOMAIN_UNDEFINE;
  if (libvirtVersion < KEEPS_TPM_SINCE) return VIR_DOMAIN_UNDEFINE_KEEP_NVRAM;
  return VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM;
}
