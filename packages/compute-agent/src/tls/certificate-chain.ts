import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** A certificate as a file has it: itself first, then those between it and its authority. */
export type CertificateChain = readonly X509Certificate[];

/** @throws {Error} when the text has no certificate, or one that cannot be read. */
export function readChain(pem: string): CertificateChain {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error("it holds no certificate");
  return blocks.map((block) => new X509Certificate(block));
}

/** The end of a sentence about why the chain would be refused by who trusts those authorities; null when it would not. */
export function whyNotTrusted(chain: CertificateChain, authorities: CertificateChain, nowMs: number): string | null {
  for (const certificate of [...chain.slice(0, 1), ...authorities]) {
    const isLeaf = certificate === chain[0];
    const whose = isLeaf ? "" : `: its authority ${oneLine(certificate.subject)}`;
    if (Date.parse(certificate.validTo) < nowMs && (isLeaf || signs(certificate, chain))) {
      return `expired on ${certificate.validTo}${whose}`;
    }
    if (Date.parse(certificate.validFrom) > nowMs && isLeaf) return `is not valid before ${certificate.validFrom}`;
  }
  return leadsTo(chain, authorities)
    ? null
    : `is signed by ${oneLine(chain[0]?.issuer ?? "nobody")}, another authority`;
}

/** True when the certificate is good for that name or address. */
export function isNamed(certificate: X509Certificate, nameOrAddress: string): boolean {
  if (isIP(nameOrAddress) !== 0) return certificate.checkIP(nameOrAddress) !== undefined;
  return certificate.checkHost(nameOrAddress) !== undefined;
}

/** Its names, as the file has them: `DNS:h2, IP Address:192.0.2.2`. */
export function namesOf(certificate: X509Certificate): string {
  return certificate.subjectAltName ?? oneLine(certificate.subject);
}

function leadsTo(chain: CertificateChain, authorities: CertificateChain): boolean {
  for (const certificate of chain) {
    if (authorities.some((authority) => signs(authority, [certificate]))) return true;
    const next = chain.find((other) => other !== certificate && signs(other, [certificate]));
    if (next === undefined) return false;
  }
  return false;
}

function signs(authority: X509Certificate, certificates: CertificateChain): boolean {
  return certificates.some((one) => one.checkIssued(authority) && one.verify(authority.publicKey));
}

function oneLine(distinguishedName: string): string {
  return distinguishedName.split("\n").join(", ");
}
