import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { DroverError } from "@drover/model";
import { protocolError } from "../protocol-error.ts";
import { connected } from "./connected.ts";

/** What a libvirt TLS client needs, as PEM. */
export interface TlsMaterial {
  readonly caCertificate: string | Buffer;
  readonly clientCertificate: string | Buffer;
  readonly clientKey: string | Buffer;
}

/** libvirtd's word that our certificate and address passed its own checks; without it the stream just ends. */
const ACCEPTED = 1;

/**
 * TLS with client certificates, as libvirt's `qemu+tls` does it. After the handshake libvirtd sends one byte, before any
 * RPC: 1 once it has accepted our certificate (virnetserverclient.c).
 */
export async function dialTls(
  address: { readonly host: string; readonly port: number; readonly pkiPath: string | undefined },
  material: TlsMaterial | undefined,
  stop: AbortSignal,
): Promise<tls.TLSSocket> {
  const { caCertificate, clientCertificate, clientKey } = material ?? (await findMaterial(address.pkiPath));
  const socket = tls.connect({
    host: address.host,
    port: address.port,
    servername: /^[\d.]+$|:/.test(address.host) ? "" : address.host,
    ca: caCertificate,
    cert: clientCertificate,
    key: clientKey,
  });
  socket.setNoDelay(true);
  await connected(socket, "secureConnect", stop);
  const answer = Promise.withResolvers<number>();
  const refused = (cause?: unknown) =>
    answer.reject(
      new DroverError(
        "refused",
        `libvirtd at ${address.host}:${address.port} did not accept our certificate (clientcert.pem): it is ` +
          "missing, has expired, is signed by an authority that is not in its ca_file, or tls_allowed_dn_list leaves it out; " +
          "its log says which",
        { cause, details: { address: `${address.host}:${address.port}` } },
      ),
    );
  const onReadable = () => {
    const first: Buffer | null = socket.read(1);
    if (first !== null) answer.resolve(first[0] ?? 0);
  };
  const onEnd = () => refused();
  const onStop = () => answer.reject(stop.reason);
  socket.on("readable", onReadable);
  socket.once("end", onEnd);
  socket.once("error", refused);
  stop.addEventListener("abort", onStop, { once: true });
  try {
    const confirmation = await answer.promise;
    if (confirmation !== ACCEPTED) throw protocolError(`libvirtd confirmed TLS with byte ${confirmation}`, 0, ACCEPTED);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("error", refused);
    stop.removeEventListener("abort", onStop);
  }
}

/** Where libvirt looks: `pkipath` holds all three; else the user's folder, then the system's. */
async function findMaterial(pkiPath: string | undefined): Promise<TlsMaterial> {
  const user = path.join(homedir(), ".pki", "libvirt");
  const places =
    pkiPath === undefined
      ? [
          [user, user, user],
          ["/etc/pki/CA", "/etc/pki/libvirt", "/etc/pki/libvirt/private"],
        ]
      : [[pkiPath, pkiPath, pkiPath]];
  const failures: unknown[] = [];
  for (const [ca = "", certificate = "", key = ""] of places) {
    try {
      const [caCertificate, clientCertificate, clientKey] = await Promise.all([
        readFile(path.join(ca, "cacert.pem")),
        readFile(path.join(certificate, "clientcert.pem")),
        readFile(path.join(key, "clientkey.pem")),
      ]);
      return { caCertificate, clientCertificate, clientKey };
    } catch (error) {
      failures.push(error);
    }
  }
  throw new DroverError(
    "bad-request",
    "TLS to libvirtd needs cacert.pem, clientcert.pem and clientkey.pem; name their folder as ?pkipath= in the URI",
    { cause: failures.at(-1), details: { searched: places } },
  );
}
