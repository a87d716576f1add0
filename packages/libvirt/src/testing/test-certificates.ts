import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A certificate authority with a server and a client, in a folder laid out as `pkipath` wants it. */
export interface TestCertificates extends AsyncDisposable {
  /** cacert.pem, servercert.pem, serverkey.pem, clientcert.pem, clientkey.pem */
  readonly folder: string;
  readonly caCertificate: Buffer;
  readonly serverCertificate: Buffer;
  readonly serverKey: Buffer;
}

/** Made with the openssl command: Node can read certificates but not make them. @param address The server's IP address. */
export async function testCertificates(address = "127.0.0.1"): Promise<TestCertificates> {
  const folder = await mkdtemp(path.join(tmpdir(), "drover-libvirt-pki-"));
  const file = (name: string) => path.join(folder, name);
  const openssl = (...args: readonly string[]) => run("openssl", args, { cwd: folder });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...newKey,
    ...["-days", "2", "-subj", "/CN=test authority", "-keyout", "cakey.pem", "-out", "cacert.pem"],
  );
  for (const [role, extension] of [
    ["server", `subjectAltName=IP:${address}\nextendedKeyUsage=serverAuth\n`],
    ["client", "extendedKeyUsage=clientAuth\n"],
  ] as const) {
    await writeFile(file(`${role}.ext`), extension);
    await openssl("req", ...newKey, "-subj", `/CN=test ${role}`, "-keyout", `${role}key.pem`, "-out", `${role}.csr`);
    await openssl(
      ...["x509", "-req", "-in", `${role}.csr`, "-CA", "cacert.pem", "-CAkey", "cakey.pem", "-CAcreateserial"],
      ...["-days", "2", "-extfile", `${role}.ext`, "-out", `${role}cert.pem`],
    );
  }
  const [caCertificate, serverCertificate, serverKey] = await Promise.all(
    ["cacert.pem", "servercert.pem", "serverkey.pem"].map((name) => readFile(file(name))),
  );
  return {
    folder,
    caCertificate: caCertificate ?? Buffer.alloc(0),
    serverCertificate: serverCertificate ?? Buffer.alloc(0),
    serverKey: serverKey ?? Buffer.alloc(0),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
