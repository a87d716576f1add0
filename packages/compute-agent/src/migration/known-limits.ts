import type { GuestTrait } from "../guest/guest-traits.ts";

/** What a host runs: major * 1,000,000 + minor * 1,000 + release. */
export interface HostVersions {
  readonly hypervisorVersion: number;
  readonly libvirtVersion: number;
}

/** What is asked of two hosts, for one guest. */
export interface Wish {
  readonly flag: string;
  /** `compression` of VIR_MIGRATE_COMPRESSED. */
  readonly method?: string;
  /** Flags that are chosen already. */
  readonly beside: readonly string[];
  readonly guest: readonly GuestTrait[];
  /** Source and destination; null where it is not known. */
  readonly versions: readonly [HostVersions | null, HostVersions | null];
}

/**
 * One thing that a release cannot do: at all, beside another flag (`with`), or for some guests (`guest`). Without any
 * `since` no release is known to do it.
 */
interface KnownLimit {
  readonly flag: string;
  readonly method?: string;
  readonly with?: string;
  readonly guest?: GuestTrait;
  readonly sinceQemu?: number;
  readonly sinceLibvirt?: number;
  /** Where the release matters. Preflight has seen that the destination's QEMU is not older. @default both hosts */
  readonly on?: "source";
  readonly reason: string;
}

/**
 * What releases of libvirt and QEMU are known not to do. The first row that fits is the reason. Sources:
 *
 * - the "Since" of each flag in libvirt's reference of virDomainMigrateFlags and of the VIR_MIGRATE_PARAM_… macros;
 * - QEMU's check of its capabilities (migration/options.c, before 8.1 migration/migration.c): multifd with post-copy until
 *   10.1, multifd with xbzrle, zero-copy with anything but plain multifd;
 * - QEMU's check of the destination for post-copy (migration/postcopy-ram.c): memory in files on anything but tmpfs and
 *   hugetlbfs (explicit since 8.1; libvirt's `source type='file'` is an ordinary folder), and what vhost-user back ends say;
 * - what needs no row: huge pages, which Linux has post-copy for since 4.11; devices of the host (VFIO), with which no guest is
 *   moved; dirty bitmaps of disks, which libvirt takes along with the disks that it copies;
 * - QEMU's own tests, which cover post-copy over TLS since 7.1; its 5.2, which brought TLS to each of multifd's sockets;
 * - QEMU 10.2, "io: flush zerocopy socket error queue on sendmsg failure due to ENOBUF": before, a copy fails when the
 *   kernel's notices of zero-copy sends fill the socket's option memory, whatever its limit; and 8.0, "multifd: Fix flush of
 *   zero copy page send request": before, a pass may be taken for sent that is not. So 7.1, which brought it, is not enough.
 */
const KNOWN_LIMITS: readonly KnownLimit[] = [
  {
    flag: "VIR_MIGRATE_POSTCOPY",
    sinceQemu: 2_006_000,
    sinceLibvirt: 1_003_003,
    reason: "post-copy needs QEMU 2.6 and libvirt 1.3.3 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_POSTCOPY",
    guest: "file-backed-memory",
    reason: "the guest's memory lies in files of an ordinary file system, for which the kernel has no post-copy",
  },
  {
    flag: "VIR_MIGRATE_POSTCOPY",
    guest: "vhost-user",
    reason: "another process has the guest's memory open (vhost-user), and whether it can do post-copy is not known",
  },
  {
    flag: "VIR_MIGRATE_POSTCOPY",
    with: "VIR_MIGRATE_TLS",
    on: "source",
    sinceQemu: 7_001_000,
    reason: "memory is encrypted, and QEMU before 7.1 is not known to do post-copy over TLS",
  },
  {
    flag: "VIR_MIGRATE_AUTO_CONVERGE",
    sinceQemu: 2_005_000,
    sinceLibvirt: 2_000_000,
    reason: "auto-converge with its two parameters needs QEMU 2.5 and libvirt 2.0 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_PARALLEL",
    sinceQemu: 4_000_000,
    sinceLibvirt: 5_002_000,
    reason: "multifd needs QEMU 4.0 and libvirt 5.2 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_PARALLEL",
    with: "VIR_MIGRATE_POSTCOPY",
    sinceQemu: 10_001_000,
    reason: "post-copy is permitted, and QEMU before 10.1 cannot do both",
  },
  {
    flag: "VIR_MIGRATE_PARALLEL",
    with: "VIR_MIGRATE_TLS",
    on: "source",
    sinceQemu: 5_002_000,
    reason: "memory is encrypted, and QEMU before 5.2 has one socket for that",
  },
  {
    flag: "VIR_MIGRATE_COMPRESSED",
    method: "xbzrle",
    with: "VIR_MIGRATE_PARALLEL",
    reason: "memory goes over several sockets, which do not carry xbzrle",
  },
  {
    flag: "VIR_MIGRATE_COMPRESSED",
    method: "zstd",
    sinceQemu: 5_000_000,
    sinceLibvirt: 9_004_000,
    reason: "zstd needs QEMU 5.0 and libvirt 9.4 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_ZEROCOPY",
    with: "VIR_MIGRATE_TLS",
    reason: "memory is encrypted, which copies it",
  },
  {
    flag: "VIR_MIGRATE_ZEROCOPY",
    with: "VIR_MIGRATE_COMPRESSED",
    reason: "memory is compressed, which copies it",
  },
  {
    flag: "VIR_MIGRATE_ZEROCOPY",
    guest: "memory-limit",
    reason: "the guest has a <hard_limit>, and no more than that may be locked for its sending",
  },
  {
    flag: "VIR_MIGRATE_ZEROCOPY",
    sinceLibvirt: 8_005_000,
    reason: "zero-copy needs libvirt 8.5 on both hosts",
  },
  {
    flag: "VIR_MIGRATE_ZEROCOPY",
    on: "source",
    sinceQemu: 10_002_000,
    reason: "QEMU before 10.2 gives a copy up when the kernel's notices of zero-copy sends pile up (ENOBUFS)",
  },
];

/**
 * Why a flag cannot be used on these hosts, for this guest and beside what is chosen already; undefined when nothing is known
 * against it. A host whose versions are not known counts as old: what it may not be able to do is not asked of it.
 */
export function knownLimit(wish: Wish): string | undefined {
  return KNOWN_LIMITS.find((limit) => concerns(limit, wish) && !hostsOf(limit, wish).every(can(limit)))?.reason;
}

function concerns(limit: KnownLimit, { flag, method, beside, guest }: Wish): boolean {
  return (
    limit.flag === flag &&
    (limit.method === undefined || limit.method === method) &&
    (limit.with === undefined || beside.includes(limit.with)) &&
    (limit.guest === undefined || guest.includes(limit.guest))
  );
}

function hostsOf({ on }: KnownLimit, { versions }: Wish): readonly (HostVersions | null)[] {
  return on === "source" ? [versions[0]] : versions;
}

/** Until when every release that is still about was made: what it brought is not refused for want of a number. */
const COMMON_QEMU = 4_000_000;
const COMMON_LIBVIRT = 5_002_000;

function can({ sinceQemu, sinceLibvirt }: KnownLimit) {
  return (host: HostVersions | null): boolean => {
    if (sinceQemu === undefined && sinceLibvirt === undefined) return false;
    const { hypervisorVersion, libvirtVersion } = host ?? {
      hypervisorVersion: COMMON_QEMU,
      libvirtVersion: COMMON_LIBVIRT,
    };
    return hypervisorVersion >= (sinceQemu ?? 0) && libvirtVersion >= (sinceLibvirt ?? 0);
  };
}
