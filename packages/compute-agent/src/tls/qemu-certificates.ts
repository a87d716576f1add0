import { join } from "node:path";
import { errorChain } from "@drover/model";
import { type HostFiles, readIfThere } from "./host-files.ts";
import { QEMU_CONF, type QemuTlsSettings, readQemuConf } from "./qemu-conf.ts";

/** What a host's QEMU has for TLS of migrations. Certificates are public; keys are only known to be there. */
export interface QemuCertificates {
  /** Of the operator of this host: `live_migration_with_native_tls`, or `migrate_tls_force` in qemu.conf. */
  readonly required: boolean;
  /** Where they are; null where none are, or it cannot be told. */
  readonly folder: string | null;
  /** The end of a sentence: why TLS cannot be used from here; null when it can. */
  readonly missing: string | null;
  readonly authorityPem: string | null;
  readonly serverPem: string | null;
  readonly clientPem: string | null;
  /** As a destination it refuses sources without a certificate of its authority. */
  readonly verifiesClients: boolean;
}

/** Where libvirt looks if it exists (3.0.0), when `migrate_tls_x509_cert_dir` is not set. */
const MIGRATION_FOLDER = "/etc/pki/libvirt-migrate";

/** Looks where libvirt would. Never rejects: what cannot be read is told in `missing`. */
export async function readQemuCertificates(files: HostFiles, required: boolean): Promise<QemuCertificates> {
  const nothing = { folder: null, authorityPem: null, serverPem: null, clientPem: null, verifiesClients: true };
  try {
    const settings = readQemuConf((await readIfThere(files, QEMU_CONF)) ?? "");
    return await readFolder(files, settings, required || settings.forced);
  } catch (error) {
    // What may not be read may say anything: no guess is made.
    return { ...nothing, required, missing: `its agent may not read what names or holds them (${errorChain(error)})` };
  }
}

async function readFolder(files: HostFiles, settings: QemuTlsSettings, required: boolean): Promise<QemuCertificates> {
  const folder =
    settings.migrationFolder ?? ((await files.exists(MIGRATION_FOLDER)) ? MIGRATION_FOLDER : settings.defaultFolder);
  const [authorityPem, serverPem, clientPem, serverKey] = await Promise.all([
    readIfThere(files, join(folder, "ca-cert.pem")),
    readIfThere(files, join(folder, "server-cert.pem")),
    readIfThere(files, join(folder, "client-cert.pem")),
    files.exists(join(folder, "server-key.pem")),
  ]);
  const absent = [
    ...(authorityPem === null ? ["ca-cert.pem"] : []),
    ...(serverPem === null ? ["server-cert.pem"] : []),
    ...(serverKey ? [] : ["server-key.pem"]),
  ];
  return {
    required,
    folder,
    missing: absent.length === 0 ? null : `it has no ${absent.join(", ")} in ${folder}`,
    authorityPem,
    serverPem,
    clientPem,
    verifiesClients: settings.verifiesClients,
  };
}
