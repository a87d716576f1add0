import { join } from "node:path";
import type { SourceLibvirtTls } from "@drover/contracts";
import type { PreCheck } from "@drover/model";
import { pairProblems } from "./certificate-pair.ts";
import { type HostFiles, readIfThere } from "./host-files.ts";

/** Where libvirt's client looks for what it shows and whom it trusts, without `pkipath` in the URI. */
const CLIENT_CERTIFICATE = "/etc/pki/libvirt/clientcert.pem";
const CLIENT_AUTHORITIES = "/etc/pki/CA/cacert.pem";

/** The same below the folder that `pkipath` names (virNetTLSContextLocateCredentials, 0.9.0), or in libvirt's own places. */
function clientFiles(pkipath: string | null): { readonly authorities: string; readonly certificate: string } {
  if (pkipath === null) return { authorities: CLIENT_AUTHORITIES, certificate: CLIENT_CERTIFICATE };
  return { authorities: join(pkipath, "cacert.pem"), certificate: join(pkipath, "clientcert.pem") };
}

/** The folder of the dialling host's certificates that a libvirt URI names; null without one. */
function pkipathOf(libvirtUri: string): string | null {
  return new URL(libvirtUri).searchParams.get("pkipath");
}

/**
 * What the source's libvirtd shows to the destination's. Null where it cannot be told.
 *
 * @param ownUri By which others dial this host: where it names a `pkipath`, the fleet's certificates are taken to be there on
 *   all hosts. The destination's URI, which is the one dialled, is not known yet.
 */
export async function readSourceLibvirtTls(files: HostFiles, ownUri: string): Promise<SourceLibvirtTls | null> {
  try {
    const pkipath = pkipathOf(ownUri);
    const { authorities, certificate } = clientFiles(pkipath);
    const [authorityPem, clientPem] = await Promise.all([
      readIfThere(files, authorities),
      readIfThere(files, certificate),
    ]);
    return { authorityPem, clientPem, pkipath };
  } catch {
    return null;
  }
}

export interface LibvirtTlsFacts {
  readonly host: string;
  readonly sourceHost: string;
  /** As the source's libvirtd dials this host's. */
  readonly libvirtUri: string;
  /** Null when it cannot be told. */
  readonly source: SourceLibvirtTls | null;
  readonly files: HostFiles;
  readonly nowMs: number;
}

/**
 * The check `libvirt-tls`: would the two libvirtd accept each other's certificates? It passes where that cannot be looked at:
 * the source told those of another folder than the one dialled with (`pkipath`), or the agent may not read a file. libvirt
 * itself then decides at the start.
 */
export async function libvirtTlsCheck(facts: LibvirtTlsFacts): Promise<PreCheck> {
  const { host, sourceHost, libvirtUri, source, files, nowMs } = facts;
  const url = new URL(libvirtUri);
  if (!/^[a-z]+\+tls:$/.test(url.protocol)) return pass(`libvirtd of ${sourceHost} dials ${host} without TLS`);
  const unseen = (why: string) => pass(`the certificates of libvirtd are not looked at (${why}); libvirt decides`);
  if (source === null) return unseen(`${sourceHost} does not say`);
  const pkipath = pkipathOf(libvirtUri);
  if (pkipath !== source.pkipath) {
    const [dialled, told] = [pkipath, source.pkipath].map((folder) => folder ?? "libvirt's own folders");
    return unseen(`${host} is dialled with those in ${dialled}, and ${sourceHost} told those in ${told}`);
  }
  const client = clientFiles(pkipath);
  try {
    const conf = (await readIfThere(files, "/etc/libvirt/libvirtd.conf")) ?? "";
    const file = settingIn(conf, "cert_file") ?? "/etc/pki/libvirt/servercert.pem";
    const authorities = settingIn(conf, "ca_file") ?? "/etc/pki/CA/cacert.pem";
    const [serverPem, authorityPem] = await Promise.all([readIfThere(files, file), readIfThere(files, authorities)]);
    if (serverPem === null || authorityPem === null) {
      const missing = serverPem === null ? file : authorities;
      return fail(`${host} is dialled over TLS and has no ${missing}: put it there and restart libvirtd`);
    }
    if (source.authorityPem === null) {
      return fail(`${host} is dialled over TLS and ${sourceHost} has no ${client.authorities}: put it there`);
    }
    const problems = pairProblems({
      server: {
        host,
        file,
        pem: serverPem,
        authorities: { file: authorities, pem: authorityPem },
        names: [url.hostname.replace(/^\[|\]$/g, "")],
        orElse: "dial it by another name with libvirt_migration_uri",
      },
      client: {
        host: sourceHost,
        file: client.certificate,
        pem: source.clientPem,
        authorities: { file: client.authorities, pem: source.authorityPem },
      },
      askNoMore:
        settingIn(conf, "tls_no_verify_certificate") === "1"
          ? null
          : "set tls_no_verify_certificate = 1 there, which lets everybody in",
      nowMs,
    });
    if (problems.length > 0) return fail(problems.join("; "));
    return pass(`libvirtd of ${sourceHost} dials ${host} with TLS, and their certificates fit`);
  } catch (error) {
    return unseen(error instanceof Error ? error.message : String(error));
  }
}

function settingIn(conf: string, key: string): string | undefined {
  const found = new RegExp(`^\\s*${key}\\s*=\\s*(?:"([^"\\n]*)"|(\\d+))`, "m").exec(conf);
  return found?.[1] ?? found?.[2];
}

function pass(message: string): PreCheck {
  return { check: "libvirt-tls", passed: true, message };
}

function fail(message: string): PreCheck {
  return { check: "libvirt-tls", passed: false, message };
}
