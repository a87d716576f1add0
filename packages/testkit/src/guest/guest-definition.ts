import { CONSOLE_FOLDER } from "../lab/host-files.ts";
import type { GuestImage } from "./guest-image.ts";

/** A lab guest as asked for. */
export interface GuestSpec {
  /** libvirt's name of it: letters, digits, dots, dashes. */
  readonly name: string;
  /** libvirt's id of it. @default a random one */
  readonly uuid?: string;
  /** The guest's memory, MiB. @default 256 */
  readonly memoryMiB?: number;
  /** How much of it the guest's program fills with its pattern, MiB. Leave it some 100 MiB. @default 64 */
  readonly workingSetMiB?: number;
  /** How much of that it rewrites each second, MiB. @default 0 */
  readonly dirtyMiBps?: number;
  /** How much it checks each second, MiB. @default 16 */
  readonly verifyMiBps?: number;
  /** Start of the pattern. @default 1 */
  readonly seed?: number;
  /** XML put among the domain's devices: disks, interfaces. The guest then loads the virtio drivers. @default none */
  readonly devicesXml?: string;
  /** Disks that it reads over and over past its caches, by their names in the guest: `vda`. @default none */
  readonly readDisks?: readonly string[];
}

/** A {@link GuestSpec} with nothing left open. */
export type CompleteGuestSpec = Required<GuestSpec>;

/** Parts of the kernel that take long to set up and that the guest does not use. */
const UNUSED_PARTS = ["init_kprobe_trace", "cubictcp_register", "crypto_kdf108_init", "load_system_certificate_list"];

/**
 * The libvirt domain for a guest: emulated (TCG), booted from the image, its console appended to a file.
 *
 * Its memory is 8 KiB larger than asked for, by arguments of QEMU's own. Before 9.0 QEMU loses writes of an emulated
 * guest when it migrates: `cpu_physical_memory_sync_dirty_bitmap` has a fast path for memory whose size is a multiple of
 * 64 pages, and that path forgets to tell the emulator's TLB that pages are clean again (fixed in QEMU by "physmem: Fix
 * migration dirty bitmap coherency with TCG memory access", 2024). The guest then dies of damaged memory, the more
 * surely the longer the copy takes, whoever started it. An odd size takes the slow path, which is right. libvirt rounds
 * `<memory>` to whole MiB, hence the arguments.
 */
export function guestDefinition(spec: CompleteGuestSpec, image: GuestImage): string {
  const parameters = [
    "console=ttyS0",
    "quiet",
    // Nothing in the guest may wait for hardware that is not there, and a broken guest must not start over.
    "panic=0",
    "mitigations=off",
    "tsc=reliable",
    // Together a third of what its start costs an emulated processor.
    "cryptomgr.notests",
    `initcall_blacklist=${UNUSED_PARTS.join(",")}`,
    "ipv6.disable=1",
    `drover.working_set_mib=${spec.workingSetMiB}`,
    `drover.dirty_mibps=${spec.dirtyMiBps}`,
    `drover.verify_mibps=${spec.verifyMiBps}`,
    `drover.seed=${spec.seed}`,
    ...(spec.devicesXml === "" ? [] : ["drover.virtio=1"]),
    ...(spec.readDisks.length === 0 ? [] : [`drover.read_disks=${spec.readDisks.join(",")}`]),
  ].join(" ");
  const oddBytes = spec.memoryMiB * 1024 * 1024 + 8192;
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${spec.name}</name>
  <uuid>${spec.uuid}</uuid>
  <memory unit='MiB'>${spec.memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${image.kernelPath}</kernel>
    <initrd>${image.initramfsPath}</initrd>
    <cmdline>${parameters}</cmdline>
  </os>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <serial type='file'>
      <source path='${CONSOLE_FOLDER}/${spec.name}.log' append='on'/>
      <target port='0'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    ${spec.devicesXml}
  </devices>
  <qemu:commandline>
    <qemu:arg value='-object'/>
    <qemu:arg value='memory-backend-ram,id=odd.ram,size=${oddBytes}'/>
    <qemu:arg value='-machine'/>
    <qemu:arg value='memory-backend=odd.ram'/>
    <qemu:arg value='-m'/>
    <qemu:arg value='size=${oddBytes / 1024}k'/>
  </qemu:commandline>
</domain>
`;
}
