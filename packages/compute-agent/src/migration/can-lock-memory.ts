import type { HostFiles } from "../tls/host-files.ts";

/** CAP_SYS_RESOURCE: without it a process raises no limit of another above what that has (capabilities(7), prlimit(2)). */
const CAP_SYS_RESOURCE = 24n;

/**
 * Whether libvirtd of this host may raise QEMU's limit of locked memory, as far as can be told from the agent beside it: what
 * nobody on the host can be given (the bounding set, in a container for instance) libvirtd has not either. Never rejects; where it
 * cannot be told, false: a copy without zero-copy arrives as well.
 */
export async function canLockMemory(files: HostFiles): Promise<boolean> {
  try {
    const [, bounding] = /^CapBnd:\s*([0-9a-f]+)$/im.exec(await files.read("/proc/self/status")) ?? [];
    return bounding !== undefined && ((BigInt(`0x${bounding}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
  } catch {
    return false;
  }
}
