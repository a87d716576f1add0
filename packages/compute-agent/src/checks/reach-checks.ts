import type { PreCheck } from "@drover/model";
import type { Dialled } from "../network/dial-destination.ts";
import type { Knocked } from "../network/knock.ts";

/** What the source found when it tried a destination. */
export interface ReachFacts {
  /** The source. */
  readonly host: string;
  readonly destinationHost: string;
  readonly dialled: Dialled;
  readonly inboundAddress: string;
  /** Undefined: the destination does not say where its QEMU listens. */
  readonly ports: { readonly min: number; readonly max: number } | undefined;
  /** On the first of the ports; null when that was not tried. */
  readonly knocked: Knocked | null;
}

/** Can this host send a guest there, as far as the network is concerned? Every check is answered. */
export function reachChecks(facts: ReachFacts): readonly PreCheck[] {
  return [libvirtdReached(facts), portReached(facts)];
}

function libvirtdReached({ host, destinationHost, dialled }: ReachFacts): PreCheck {
  const check = "libvirtd-reachable";
  switch (dialled.kind) {
    case "answers": {
      const { where, ms, certificateUntil } = dialled;
      const tls =
        certificateUntil === null
          ? ""
          : ` over TLS; each accepts the other's certificate, that of ${destinationHost} until ${certificateUntil}`;
      return {
        check,
        passed: true,
        message: `${host} reaches the libvirtd of ${destinationHost} at ${where} in ${ms} ms${tls}`,
      };
    }
    case "untried":
      return {
        check,
        passed: true,
        message: `${host} has not tried the libvirtd of ${destinationHost} (${dialled.why}); libvirt decides`,
      };
    case "fails":
      return {
        check,
        passed: false,
        message:
          `${host} cannot reach the libvirtd of ${destinationHost} at ${dialled.where}: ${dialled.problem}; see ` +
          `libvirt_migration_uri of ${destinationHost}, that its libvirtd listens, and the firewalls between the two`,
      };
  }
}

function portReached({ host, destinationHost, inboundAddress, ports, knocked }: ReachFacts): PreCheck {
  const check = "migration-port-reachable";
  const to = `the migration ports of ${destinationHost}`;
  if (knocked === null || ports === undefined) {
    return { check, passed: true, message: `${to} are not known, so ${host} has not tried them; libvirt decides` };
  }
  const where = `${inboundAddress}:${ports.min}`;
  switch (knocked.kind) {
    case "open":
    case "closed":
      // QEMU listens while a guest comes in, and not before.
      return { check, passed: true, message: `${host} reaches ${where}, the first of ${to}, in ${knocked.ms} ms` };
    case "silent":
      return {
        check,
        passed: false,
        message:
          `nothing came back to ${host} from ${where} within ${knocked.ms} ms: let it through to ${inboundAddress} on TCP ` +
          `${ports.min} to ${ports.max}, ${to}`,
      };
    case "unreachable":
      return {
        check,
        passed: false,
        message: `${host} cannot reach ${where}, the first of ${to}: ${knocked.problem}; see live_migration_inbound_addr there`,
      };
  }
}
