import { type ChosenFlag, type DestinationPreparation, DroverError } from "@drover/model";
import { flag, parameter } from "../migration/chosen-flag.ts";
import type { HostVersions } from "../migration/known-limits.ts";

/** What the choice between TLS and none depends on, when a copy starts. */
export interface TlsFacts {
  readonly sourceHost: string;
  readonly destinationHost: string;
  /** Of this host, as its QEMU would use it now. */
  readonly sourceTls: { readonly required: boolean; readonly missing: string | null };
  readonly destination: DestinationPreparation;
  /** Of this host; the destination's QEMU is not older. */
  readonly sourceVersions: HostVersions;
}

/** The flags and parameters by which memory and disks are encrypted; none, and why, where they cross in the clear. */
export interface TlsChoice {
  readonly flags: readonly ChosenFlag[];
  readonly inTheClear: string | null;
}

/** libvirt copies disks over TLS since 4.4.0; before, it refuses them together. */
const DISKS_OVER_TLS_SINCE = 4_004_000;

/** `tls.destination` is new in libvirt 6.0.0. */
const TLS_DESTINATION_SINCE = 6_000_000;

/** QEMU before it checks a disk's connection against the host of `migrate_uri` whatever `tls.destination` says. */
const DISKS_BY_ANOTHER_NAME_SINCE = 7_000_000;

/**
 * TLS where both hosts can.
 *
 * @throws {DroverError} `refused` where an operator requires TLS and it cannot be used.
 */
export function tlsFlags(facts: TlsFacts): TlsChoice {
  const { sourceHost, destinationHost, sourceTls, destination } = facts;
  const peer = destination.nativeTls;
  const why = whyNot(facts);
  if (why !== undefined) {
    const by = sourceTls.required ? sourceHost : peer?.required ? destinationHost : undefined;
    if (by !== undefined) throw new DroverError("refused", `${by} requires TLS for memory and disks: ${why}`);
    return { flags: [], inTheClear: why };
  }
  const name = `the destination's certificate is for its name, not for ${destination.inboundAddress}`;
  return {
    flags: [
      flag("VIR_MIGRATE_TLS", "QEMU of both hosts has certificates, so memory and disks are encrypted"),
      ...(peer?.verifiedName === "host" ? [parameter("tls.destination", destinationHost, name)] : []),
    ],
    inTheClear: null,
  };
}

function whyNot({ sourceHost, destinationHost, sourceTls, destination, sourceVersions }: TlsFacts): string | undefined {
  const { libvirtVersion, hypervisorVersion } = sourceVersions;
  const peer = destination.nativeTls;
  if (sourceTls.missing !== null) return `${sourceHost}: ${sourceTls.missing}`;
  if (peer === undefined) return `${destinationHost} does not say whether it has certificates; upgrade its agent`;
  if (peer.missing !== null) return `${destinationHost}: ${peer.missing}`;
  const copiesDisks = destination.disks?.some(({ action }) => action === "copy") ?? false;
  if (copiesDisks && libvirtVersion < DISKS_OVER_TLS_SINCE) return "libvirt before 4.4 does not copy disks over TLS";
  if (peer.verifiedName !== "host") return undefined;
  const address = destination.inboundAddress;
  if (libvirtVersion < TLS_DESTINATION_SINCE) {
    return `the certificate of ${destinationHost} does not name ${address}, and libvirt before 6.0 expects that`;
  }
  if (copiesDisks && hypervisorVersion < DISKS_BY_ANOTHER_NAME_SINCE) {
    return `the certificate of ${destinationHost} does not name ${address}, and QEMU before 7.0 expects that for disks`;
  }
  return undefined;
}
