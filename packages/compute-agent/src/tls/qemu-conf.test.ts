import { expect, test } from "vitest";
import { readQemuConf } from "./qemu-conf.ts";

const untouched = { migrationFolder: null, defaultFolder: "/etc/pki/qemu", verifiesClients: true, forced: false };

test.each([
  ["nothing is libvirt's defaults", "", {}],
  ["comments are no settings", '#migrate_tls_x509_cert_dir = "/x"\n # migrate_tls_force = 1\n', {}],
  ["a folder for migrations", 'migrate_tls_x509_cert_dir = "/etc/pki/m"\n', { migrationFolder: "/etc/pki/m" }],
  ["a folder for everything", 'default_tls_x509_cert_dir="/etc/pki/q"', { defaultFolder: "/etc/pki/q" }],
  ["clients are not verified", "default_tls_x509_verify = 0\n", { verifiesClients: false }],
  ["the setting for migrations counts more", "migrate_tls_x509_verify = 1\ndefault_tls_x509_verify = 0", {}],
  ["libvirt forces TLS", "\n  migrate_tls_force = 1\n", { forced: true }],
])("%s", (_, text, expected) => {
  expect(readQemuConf(text)).toEqual({ ...untouched, ...expected });
});
