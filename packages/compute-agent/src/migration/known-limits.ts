/** What a host runs: major * 1,000,000 + minor * 1,000 + release. */
export interface HostVersions {
  readonly hypervisorVersion: number;
  readonly libvirtVersion: number;
}

/** One thing that a release cannot do, or cannot do beside another; without `with` it cannot do it at all. */
interface KnownLimit {
  readonly flag: string;
  readonly with?: string;
  /** First QEMU that can; absent where none is known to. */
  readonly sinceQemu?: number;
  /** First libvirt that can; absent where none is known to. */
  readonly sinceLibvirt?: number;
  readonly reason: string;
}

/**
 * What releases of libvirt and QEMU are known not to do, on either host. Sources: the "Since" of each flag in libvirt's
 * reference of virDomainMigrateFlags; QEMU's capability checks (migration/options.c), where multifd and post-copy exclude
 * each other before 10.1, and multifd carries no xbzrle.
 */
const KNOWN_LIMITS: readonly KnownLimit[] = [
  {
    flag: "VIR_MIGRATE_PARALLEL",
    sinceQemu: 4_000_000,
    sinceLibvirt: 5_002_000,
    reason: "multifd needs QEMU 4.0 and libvirt 5.2 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_POSTCOPY",
    sinceQemu: 2_006_000,
    sinceLibvirt: 1_003_003,
    reason: "post-copy needs QEMU 2.6 and libvirt 1.3.3 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_PARALLEL",
    with: "VIR_MIGRATE_POSTCOPY",
    sinceQemu: 10_001_000,
    sinceLibvirt: 0,
    reason: "post-copy is permitted, and QEMU before 10.1 cannot do both",
  },
  {
    flag: "VIR_MIGRATE_COMPRESSED",
    with: "VIR_MIGRATE_PARALLEL",
    reason: "memory goes over several sockets, which do not carry xbzrle",
  },
];

/**
 * Why `flag` cannot be used beside `chosen` on these hosts; undefined when nothing is known against it. A host whose
 * versions are not known counts as old: what it may not be able to do is not asked of it.
 */
export function knownLimit(
  flag: string,
  chosen: readonly string[],
  hosts: readonly (HostVersions | null)[],
): string | undefined {
  return KNOWN_LIMITS.find(
    (limit) =>
      limit.flag === flag && (limit.with === undefined || chosen.includes(limit.with)) && !hosts.every(can(limit)),
  )?.reason;
}

function can({ sinceQemu, sinceLibvirt, with: beside }: KnownLimit) {
  return (host: HostVersions | null): boolean => {
    if (sinceQemu === undefined || sinceLibvirt === undefined) return false;
    // What every release that is still about can do is not refused for want of a number.
    if (host === null) return beside === undefined;
    return host.hypervisorVersion >= sinceQemu && host.libvirtVersion >= sinceLibvirt;
  };
}
