import { writeFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";

/** Files (PEM) of a certificate authority made for a test, and of what it signed. Valid for two days. */
export interface Certificates extends AsyncDisposable {
  readonly folder: string;
  readonly caFile: string;
  /** For `localhost`, `127.0.0.1` and the further addresses. */
  readonly serverCertificateFile: string;
  readonly serverKeyFile: string;
  /** For a client named `drover-client`. */
  readonly clientCertificateFile: string;
  readonly clientKeyFile: string;
  /** Removes the folder. May be called again. */
  remove(): Promise<void>;
}

/** How a server may be made to use TLS. */
export interface TlsOptions {
  /** Listen for TLS only, with this certificate. @default plain TCP */
  readonly tls?: Certificates;
  /** Refuse clients without a certificate of the same authority. @default false */
  readonly verifyClients?: boolean;
}

/**
 * Makes a certificate authority with a certificate for servers and one for clients, in a folder that goes with this
 * process. A second call makes an authority that the first's clients do not trust. Takes some 0.1 s.
 *
 * @param options.addresses IPv4 addresses or names of servers, beside `localhost` and `127.0.0.1`.
 * @throws {TestkitError} with what openssl said.
 */
export async function createCertificates(options: { addresses?: readonly string[] } = {}): Promise<Certificates> {
  const names = ["localhost", "127.0.0.1", ...(options.addresses ?? [])];
  const folder = await createOwnedFolder({ kind: "certificates" });
  const inFolder = (name: string) => join(folder.path, name);
  const make = async (name: string, extensions: readonly string[], signer: readonly string[] = []) => {
    await runCommand("openssl", [
      ...["req", "-x509", "-config", inFolder("openssl.cnf"), "-days", "2", "-subj", `/CN=drover-${name}`],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"],
      ...["-keyout", inFolder(`${name}.key`), "-out", inFolder(`${name}.pem`)],
      ...extensions.flatMap((extension) => ["-addext", extension]),
      ...signer,
    ]);
  };
  try {
    // The system's would add extensions of its own.
    await writeFile(inFolder("openssl.cnf"), "[req]\ndistinguished_name = none\n[none]\n");
    await make("ca", [
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,keyCertSign",
      "subjectKeyIdentifier=hash",
    ]);
    const signer = ["-CA", inFolder("ca.pem"), "-CAkey", inFolder("ca.key")];
    const leaf = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"];
    const alternatives = names.map((name) => `${isIPv4(name) ? "IP" : "DNS"}:${name}`).join(",");
    await make("server", [...leaf, "extendedKeyUsage=serverAuth", `subjectAltName=${alternatives}`], signer);
    await make("client", [...leaf, "extendedKeyUsage=clientAuth"], signer);
  } catch (cause) {
    await folder.remove();
    throw new TestkitError("could not make certificates; is the package openssl installed?", { cause });
  }
  const remove = () => folder.remove();
  return {
    folder: folder.path,
    caFile: inFolder("ca.pem"),
    serverCertificateFile: inFolder("server.pem"),
    serverKeyFile: inFolder("server.key"),
    clientCertificateFile: inFolder("client.pem"),
    clientKeyFile: inFolder("client.key"),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}
