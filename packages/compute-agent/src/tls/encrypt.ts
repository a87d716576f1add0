import { type ChosenFlag, type DestinationPreparation, DroverError } from "@drover/model";
import { DISKS_BY_ANOTHER_NAME_SINCE, DISKS_OVER_TLS_SINCE, TLS_DESTINATION_SINCE, TLS_LIMITS } from "./tls-limits.ts";

/** What the choice between TLS and none depends on, when a copy starts. */
export interface EncryptionFacts {
  readonly sourceHost: string;
  readonly destinationHost: string;
  /** Of this host, as its QEMU would use it now. */
  readonly source: { readonly required: boolean; readonly missing: string | null };
  readonly destination: DestinationPreparation;
  /** Of this host; the destination's is not older. */
  readonly qemuVersion: number;
  readonly libvirtVersion: number;
}

const DISK_FLAGS = ["VIR_MIGRATE_NON_SHARED_DISK", "VIR_MIGRATE_NON_SHARED_INC"];

/**
 * The flags and parameters of a copy, with TLS where both hosts can, and without what QEMU cannot do over it. In the clear,
 * `migrate_uri` says why.
 *
 * @throws {DroverError} `refused` where an operator requires TLS and it cannot be used.
 */
export function encrypt(chosen: readonly ChosenFlag[], facts: EncryptionFacts): readonly ChosenFlag[] {
  const { sourceHost, destinationHost, source } = facts;
  const peer = facts.destination.nativeTls;
  const why = whyNot(chosen, facts);
  if (why !== undefined) {
    const by = source.required ? sourceHost : peer?.required ? destinationHost : undefined;
    if (by !== undefined) throw new DroverError("refused", `${by} requires TLS for memory and disks: ${why}`);
    const inTheClear = (flag: ChosenFlag) => ({ ...flag, reason: `${flag.reason}; in the clear: ${why}` });
    return chosen.map((flag) => (flag.name === "migrate_uri" ? inTheClear(flag) : flag));
  }
  const excluded = TLS_LIMITS.filter(
    ({ flag, qemuSince }) => has(chosen, flag) && (qemuSince === null || facts.qemuVersion < qemuSince),
  );
  const left = excluded.flatMap(({ flag, parameters }) => [flag, ...parameters]);
  const without = excluded.map(({ what }) => `; ${what} is left out, this QEMU does not do it over TLS`).join("");
  const reason = `QEMU of both hosts has certificates, so memory and disks are encrypted${without}`;
  return [
    ...chosen.filter(({ name }) => !left.includes(name)),
    { name: "VIR_MIGRATE_TLS", reason },
    ...(peer?.verifiedName === "host"
      ? [
          {
            name: "tls.destination",
            value: destinationHost,
            reason: `the destination's certificate is for its name, not for ${facts.destination.inboundAddress}`,
          },
        ]
      : []),
  ];
}

function whyNot(chosen: readonly ChosenFlag[], facts: EncryptionFacts): string | undefined {
  const { sourceHost, destinationHost, source, libvirtVersion, qemuVersion } = facts;
  const peer = facts.destination.nativeTls;
  if (source.missing !== null) return `${sourceHost}: ${source.missing}`;
  if (peer === undefined) return `${destinationHost} does not say whether it has certificates; upgrade its agent`;
  if (peer.missing !== null) return `${destinationHost}: ${peer.missing}`;
  const copiesDisks = DISK_FLAGS.some((flag) => has(chosen, flag));
  if (copiesDisks && libvirtVersion < DISKS_OVER_TLS_SINCE) return "libvirt before 4.4 does not copy disks over TLS";
  if (peer.verifiedName !== "host") return undefined;
  const address = facts.destination.inboundAddress;
  if (libvirtVersion < TLS_DESTINATION_SINCE) {
    return `the certificate of ${destinationHost} does not name ${address}, and libvirt before 6.0 expects that`;
  }
  if (copiesDisks && qemuVersion < DISKS_BY_ANOTHER_NAME_SINCE) {
    return `the certificate of ${destinationHost} does not name ${address}, and QEMU before 7.0 expects that for disks`;
  }
  return undefined;
}

function has(chosen: readonly ChosenFlag[], flag: string): boolean {
  return chosen.some(({ name }) => name === flag);
}
