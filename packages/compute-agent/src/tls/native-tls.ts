import type { SourceTls } from "@drover/contracts";
import type { DestinationTls, PreCheck } from "@drover/model";
import { isNamed, readChain } from "./certificate-chain.ts";
import { pairProblems } from "./certificate-pair.ts";
import type { QemuCertificates } from "./qemu-certificates.ts";

/*
 * QEMU's own TLS for memory and disks. The destination's QEMU is the server: its certificate must be signed by an authority
 * in the source's ca-cert.pem and name where the source connects to, or the host. The source's is the client: its
 * certificate must be signed by an authority in the destination's ca-cert.pem, unless qemu.conf says not to look.
 *
 * Without configuration: both hosts have certificates, and they are used; one has none, and the copy goes in the clear, with
 * the reason; both have them and they do not fit each other, and the migration is refused, since whoever installed them
 * wants them to be used.
 */

/** Of the host that the guest is to leave, as the destination is told. */
export function sourceTls(own: QemuCertificates): SourceTls {
  return { required: own.required, missing: own.missing, authorityPem: own.authorityPem, clientPem: own.clientPem };
}

/** Of the host that takes the guest, as its source is told. */
export function destinationTls(own: QemuCertificates, place: TlsPlace): DestinationTls {
  const { required, missing } = own;
  if (missing !== null) return { required, missing, verifiedName: null };
  return { required, missing, verifiedName: verifiedName(own, place) };
}

/** How the source knows the destination: where it connects to, and what the fleet calls it. */
export interface TlsPlace {
  readonly host: string;
  readonly inboundAddress: string;
}

/** The name that the source must expect in the certificate: where it connects to, or else the host's. */
function verifiedName(own: QemuCertificates, { host, inboundAddress }: TlsPlace): DestinationTls["verifiedName"] {
  try {
    const [certificate] = readChain(own.serverPem ?? "");
    if (certificate === undefined || isNamed(certificate, inboundAddress)) return "inbound-address";
    return isNamed(certificate, host) ? "host" : "inbound-address";
  } catch {
    return "inbound-address";
  }
}

export interface TlsPair extends TlsPlace {
  readonly sourceHost: string;
  /** Null when the source's agent, or the conductor, is of a release that does not tell. */
  readonly source: SourceTls | null;
  readonly destination: QemuCertificates;
  readonly nowMs: number;
}

/** The check `native-tls`: would TLS be used between the two, and would it work? */
export function nativeTlsCheck(pair: TlsPair): PreCheck {
  const { host, sourceHost, source, destination } = pair;
  const lacking = [
    ...(source === null ? [`${sourceHost}: it does not say`] : []),
    ...(source?.missing ? [`${sourceHost}: ${source.missing}`] : []),
    ...(destination.missing === null ? [] : [`${host}: ${destination.missing}`]),
  ].join("; ");
  const requiredBy = destination.required ? host : source?.required ? sourceHost : null;
  if (lacking !== "" && requiredBy !== null) {
    const remedy = "put certificates there, or do without live_migration_with_native_tls and migrate_tls_force";
    return fail(`${requiredBy} requires TLS for memory and disks, and it cannot be used (${lacking}); ${remedy}`);
  }
  if (lacking !== "") return pass(`memory and disks cross in the clear: no certificates for TLS (${lacking})`);
  const problems = problemsOf(pair);
  if (problems.length > 0) return fail(problems.join("; "));
  return pass(`memory and disks cross with TLS, by the certificates in ${destination.folder}`);
}

function problemsOf({ host, sourceHost, inboundAddress, source, destination, nowMs }: TlsPair): readonly string[] {
  const inFolder = (name: string) => `${destination.folder}/${name}`;
  return pairProblems({
    server: {
      host,
      file: inFolder("server-cert.pem"),
      pem: destination.serverPem ?? "",
      authorities: { file: inFolder("ca-cert.pem"), pem: destination.authorityPem ?? "" },
      names: inboundAddress === host ? [host] : [inboundAddress, host],
      orElse: "correct live_migration_inbound_addr",
    },
    client: {
      host: sourceHost,
      file: "client-cert.pem",
      pem: source?.clientPem ?? null,
      authorities: { file: "ca-cert.pem", pem: source?.authorityPem ?? "" },
    },
    askNoMore: destination.verifiesClients ? `set migrate_tls_x509_verify = 0 on ${host}` : null,
    nowMs,
  });
}

function pass(message: string): PreCheck {
  return { check: "native-tls", passed: true, message };
}

function fail(message: string): PreCheck {
  return { check: "native-tls", passed: false, message };
}
