import { DroverError } from "@drover/model";

/** Where a libvirtd listens, and which driver it is asked for. */
export type LibvirtAddress = {
  /** What connectOpen is asked for: the URI without transport, host and our own parameters, such as `qemu:///system`. */
  readonly driverUri: string;
} & (
  | { readonly transport: "unix"; readonly socketPath: string }
  | { readonly transport: "tcp"; readonly host: string; readonly port: number }
  | { readonly transport: "tls"; readonly host: string; readonly port: number; readonly pkiPath: string | undefined }
);

export const DEFAULT_SOCKET_PATH = "/run/libvirt/libvirt-sock";
export const DEFAULT_TCP_PORT = 16_509;
export const DEFAULT_TLS_PORT = 16_514;

/** Parameters that speak to the client's dialer; the others go to the driver. */
const OWN_PARAMETERS = ["socket", "pkipath"];

/**
 * Reads a libvirt URI: `qemu:///system` and `qemu+unix:///system?socket=/path` (also virtqemud's socket),
 * `qemu+tcp://host[:16509]/system`, `qemu+tls://host[:16514]/system?pkipath=/path`.
 *
 * @throws {DroverError} `bad-request` naming what is wrong; SSH and the other transports of libvirt are refused by name.
 */
export function parseLibvirtUri(uri: string): LibvirtAddress {
  if (!URL.canParse(uri)) throw badUri(uri, "it is not a URI");
  const url = new URL(uri);
  const [driver = "", named] = url.protocol.slice(0, -1).split("+");
  const transport = named ?? (url.hostname === "" ? "unix" : "tls");
  const forDriver = new URLSearchParams(url.searchParams);
  for (const name of OWN_PARAMETERS) forDriver.delete(name);
  const query = forDriver.size === 0 ? "" : `?${forDriver}`;
  const driverUri = `${driver}://${url.pathname}${query}`;

  switch (transport) {
    case "unix":
      if (url.hostname !== "") throw badUri(uri, "a unix socket has no host");
      return { transport, driverUri, socketPath: url.searchParams.get("socket") ?? DEFAULT_SOCKET_PATH };
    case "tcp":
      return { transport, driverUri, host: hostOf(uri, url), port: portOf(url, DEFAULT_TCP_PORT) };
    case "tls":
      return {
        transport,
        driverUri,
        host: hostOf(uri, url),
        port: portOf(url, DEFAULT_TLS_PORT),
        pkiPath: url.searchParams.get("pkipath") ?? undefined,
      };
    default:
      throw badUri(uri, `transport "${transport}" is not supported; use unix, tcp or tls`);
  }
}

function hostOf(uri: string, url: URL): string {
  if (url.hostname === "") throw badUri(uri, "it names no host");
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function portOf(url: URL, usual: number): number {
  return url.port === "" ? usual : Number(url.port);
}

function badUri(uri: string, why: string): DroverError {
  return new DroverError("bad-request", `"${uri}" is not a libvirt URI that we can use: ${why}`, { details: { uri } });
}
