import type { GuestRequirements } from "@drover/contracts";

/** What a move may need of both libvirts, and the first release that has it. */
interface VersionNeed {
  readonly sinceLibvirt: number;
  readonly needed: (requirements: GuestRequirements) => boolean;
  /** The subject of "needs libvirt …". */
  readonly what: string;
}

/**
 * Sources: the "Since" of each parameter and flag in libvirt's reference (`VIR_MIGRATE_PARAM_*`, virDomainMigrateFlags). That the
 * destination's QEMU must not be older, and must offer the machine type, are checks of their own.
 */
const VERSION_NEEDS: readonly VersionNeed[] = [
  { sinceLibvirt: 1_001_004, needed: () => true, what: "saying where memory is taken in (listen_address)" },
  {
    sinceLibvirt: 1_002_017,
    needed: ({ disks }) => disks.some(({ need }) => need === "copy"),
    what: "copying some of a guest's disks (migrate_disks)",
  },
  {
    sinceLibvirt: 3_002_000,
    needed: ({ nativeTls }) => nativeTls?.required === true,
    what: "encrypting memory (VIR_MIGRATE_TLS), which the source's operator demands,",
  },
];

/** What of the move a libvirt of that release cannot do; empty when nothing is known. */
export function beyondLibvirt(libvirtVersion: number, requirements: GuestRequirements) {
  return VERSION_NEEDS.filter((need) => need.needed(requirements) && libvirtVersion < need.sinceLibvirt);
}

/** The QEMU release that a versioned machine type came with: `pc-q35-7.2` is 7002000. Null for one without. */
export function machineTypeSince(machineType: string): number | null {
  const [, major, minor] = /-(\d+)\.(\d+)(?:\D.*)?$/.exec(machineType) ?? [];
  return major === undefined ? null : Number(major) * 1_000_000 + Number(minor) * 1_000;
}
