import type { DiskToMove } from "@drover/model";

/**
 * Where a server of that storage listens if the definition says no port, as QEMU's drivers have it. Ceph is left out: its
 * monitors may have either of two.
 */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  iscsi: 3260,
  nbd: 10_809,
  gluster: 24_007,
  nfs: 2049,
  http: 80,
  https: 443,
};

/** Where a `<host>` of a network disk can be tried by TCP; undefined where that is not said, or it is a unix socket. */
export function storageServer(
  protocol: string | null,
  host: Readonly<Record<string, string>>,
): NonNullable<DiskToMove["servers"]>[number] | undefined {
  const { name, port: said, transport = "tcp" } = host;
  const port = said === undefined ? DEFAULT_PORTS[protocol ?? ""] : Number(said);
  if (transport !== "tcp" || name === undefined || port === undefined || !Number.isInteger(port)) return undefined;
  return { address: name, port };
}
