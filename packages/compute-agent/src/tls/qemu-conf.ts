/** What `qemu.conf` says of TLS for migrations. */
export interface QemuTlsSettings {
  /** `migrate_tls_x509_cert_dir`; null where libvirt looks by itself. */
  readonly migrationFolder: string | null;
  /** `default_tls_x509_cert_dir`. */
  readonly defaultFolder: string;
  /** The destination accepts no source without a certificate of its authority. */
  readonly verifiesClients: boolean;
  /** `migrate_tls_force`: libvirt itself refuses a migration without TLS (5.1.0). */
  readonly forced: boolean;
}

export const QEMU_CONF = "/etc/libvirt/qemu.conf";

/** The settings of a `qemu.conf` that are one word, by key. */
export function qemuSettings(text: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const [, key = "", quoted, number] of text.matchAll(
    /^[ \t]*([a-z0-9_]+)[ \t]*=[ \t]*(?:"([^"\n]*)"|'[^'\n]*'|(\d+))/gm,
  )) {
    settings.set(key, quoted ?? number ?? "");
  }
  return settings;
}

/** Reads the keys that matter here. Defaults are those that libvirt's own `qemu.conf` tells of (9.0). */
export function readQemuConf(text: string): QemuTlsSettings {
  const settings = qemuSettings(text);
  const verify = settings.get("migrate_tls_x509_verify") ?? settings.get("default_tls_x509_verify") ?? "1";
  return {
    migrationFolder: settings.get("migrate_tls_x509_cert_dir") ?? null,
    defaultFolder: settings.get("default_tls_x509_cert_dir") ?? "/etc/pki/qemu",
    verifiesClients: verify !== "0",
    forced: (settings.get("migrate_tls_force") ?? "0") !== "0",
  };
}
