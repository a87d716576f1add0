/**
 * What QEMU's TLS does not go together with, or not before a version. Versions as libvirt tells them: 7001000 is 7.1.0.
 *
 * - Post-copy: QEMU's own tests cover it over TLS since 7.1 (migration-test, postcopy/tls).
 * - Several connections (multifd): TLS on each of them since 5.2.
 * - Zero-copy sends the guest's own pages, and encrypting makes copies of them: never together.
 */
export const TLS_LIMITS: readonly {
  readonly flag: string;
  readonly parameters: readonly string[];
  readonly qemuSince: number | null;
  readonly what: string;
}[] = [
  { flag: "VIR_MIGRATE_POSTCOPY", parameters: ["bandwidth.postcopy"], qemuSince: 7_001_000, what: "post-copy" },
  {
    flag: "VIR_MIGRATE_PARALLEL",
    parameters: ["parallel.connections"],
    qemuSince: 5_002_000,
    what: "several connections",
  },
  { flag: "VIR_MIGRATE_ZEROCOPY", parameters: [], qemuSince: null, what: "zero-copy" },
];

/** QEMU before it checks a disk's connection against the host of `migrate_uri` whatever `tls.destination` says. */
export const DISKS_BY_ANOTHER_NAME_SINCE = 7_000_000;

/** `tls.destination` is new in libvirt 6.0.0. */
export const TLS_DESTINATION_SINCE = 6_000_000;

/** libvirt copies disks over TLS since 4.4.0; before, it refuses them together. */
export const DISKS_OVER_TLS_SINCE = 4_004_000;
