import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";

/** Whose certificates: libvirtd's own and its clients', or QEMU's for migrations. Each looks for names of its own. */
export type CertificateUser = "libvirt" | "qemu";

const FILES: Record<CertificateUser, Record<"ca" | "server" | "serverKey" | "client" | "clientKey", string>> = {
  libvirt: {
    ca: "cacert.pem",
    server: "servercert.pem",
    serverKey: "serverkey.pem",
    client: "clientcert.pem",
    clientKey: "clientkey.pem",
  },
  qemu: {
    ca: "ca-cert.pem",
    server: "server-cert.pem",
    serverKey: "server-key.pem",
    client: "client-cert.pem",
    clientKey: "client-key.pem",
  },
};

/** What is put into a host's folder for one user. */
export interface CertificateFiles {
  readonly folder: string;
  readonly user: CertificateUser;
  /** Names and addresses in the certificates. */
  readonly names: readonly string[];
  /** Which of the two expired yesterday. @default none */
  readonly expired?: "server" | "client";
  /** Leave the client's certificate out. @default false */
  readonly withoutClient?: boolean;
}

/** A certificate authority made for a lab. One of another lab, or a second of the same, does not trust what it signs. */
export interface LabAuthority {
  /** Puts the authority's certificate, and a server's and a client's that it signed, into a folder, in place of others. */
  write(files: CertificateFiles): Promise<void>;
}

/**
 * Makes a certificate authority, its files in a folder that the caller removes. Valid for two days.
 *
 * @throws {TestkitError} with what openssl said.
 */
export async function createLabAuthority(folder: string): Promise<LabAuthority> {
  const inFolder = (name: string) => join(folder, name);
  await mkdir(folder, { recursive: true });
  // The system's would add extensions of its own.
  await writeFile(inFolder("openssl.cnf"), "[req]\ndistinguished_name = none\n[none]\n");
  const openssl = async (args: readonly string[]) => {
    try {
      await runCommand("openssl", args);
    } catch (cause) {
      throw new TestkitError("could not make certificates; is the package openssl installed?", { cause });
    }
  };
  const request = (subject: string, key: string, extensions: readonly string[]) => [
    ...["req", "-x509", "-config", inFolder("openssl.cnf"), "-days", "2", "-subj", `/CN=${subject}`],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key],
    ...extensions.flatMap((extension) => ["-addext", extension]),
  ];
  const [ca, caKey] = [inFolder("ca.pem"), inFolder("ca.key")];
  const signedBy = ["-CA", ca, "-CAkey", caKey];
  await openssl([
    ...request("drover-lab", caKey, [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,keyCertSign",
      "subjectKeyIdentifier=hash",
    ]),
    ...["-out", ca],
  ]);

  return {
    async write({ folder: target, user, names, expired, withoutClient = false }) {
      const file = (name: keyof (typeof FILES)["qemu"]) => join(target, FILES[user][name]);
      await mkdir(target, { recursive: true });
      await writeFile(file("ca"), await readFile(ca));
      const alternatives = names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",");
      const issue = async (role: "server" | "client") => {
        const certificate = file(role);
        const key = file(`${role}Key`);
        // libvirt 9.0 and QEMU insist on key encipherment where key usage is critical, although no cipher of TLS 1.3 has it.
        const usage = "keyUsage=critical,digitalSignature,keyEncipherment";
        const extensions = ["basicConstraints=critical,CA:FALSE", usage, `extendedKeyUsage=${role}Auth`];
        const subject = names[0] ?? "drover-lab-host";
        await openssl([
          ...request(subject, key, [...extensions, `subjectAltName=${alternatives}`]),
          ...(expired === role ? [] : signedBy),
          ...["-out", certificate],
        ]);
        if (expired === role) {
          // `req` makes nothing that is over, and `x509` signs anew only what has signed itself.
          await openssl(["x509", "-in", certificate, "-days", "-1", ...signedBy, "-out", `${certificate}.expired`]);
          await writeFile(certificate, await readFile(`${certificate}.expired`));
          await rm(`${certificate}.expired`);
        }
      };
      await issue("server");
      if (withoutClient)
        await Promise.all([rm(file("client"), { force: true }), rm(file("clientKey"), { force: true })]);
      else await issue("client");
    },
  };
}
