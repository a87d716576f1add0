import { type HostFiles, readIfThere } from "../tls/host-files.ts";

/** Since Linux 5.2: who may handle page faults that the kernel takes itself, as KVM does for a guest. 0: only the privileged. */
const SETTING = "/proc/sys/vm/unprivileged_userfaultfd";

/** Since QEMU 8.0 there is another way to the same, /dev/userfaultfd (Linux 6.1), and libvirt decides whether QEMU gets it. */
const WITH_DEVICE_SINCE = 8_000_000;

export interface PostCopyHost {
  /** As whom QEMU runs by libvirt's word; null where it does not say. */
  readonly qemuUid: number | null;
  readonly hypervisorVersion: number;
}

/**
 * Why QEMU of this host could not take a guest in by post-copy, as the end of a sentence; null where nothing is known against it.
 * libvirt takes away what would let it, CAP_SYS_PTRACE, and a copy that is started with the permission fails at once: "Postcopy is
 * not supported: userfaultfd not available". Never rejects.
 */
export async function postCopyObstacle(
  files: HostFiles,
  { qemuUid, hypervisorVersion }: PostCopyHost,
): Promise<string | null> {
  if (qemuUid === null || qemuUid === 0 || hypervisorVersion >= WITH_DEVICE_SINCE) return null;
  try {
    if ((await readIfThere(files, SETTING))?.trim() !== "0") return null;
  } catch {
    return null;
  }
  return `its QEMU (uid ${qemuUid}) may not handle the kernel's page faults; set vm.unprivileged_userfaultfd = 1 (sysctl)`;
}
