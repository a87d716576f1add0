/** Disks over the network: files that servers outside the hosts offer to both of them. */
import { type CephCluster, type RealService, startIscsiTarget, startNbdServer } from "@drover/testkit";

export type VolumeProtocol = "iscsi" | "nbd" | "rbd";

export interface Volume {
  /** libvirt's `<source>` for it. */
  readonly sourceXml: string;
  /** What a host is connected to that has it open; RBD's monitor, which a client stays connected to. */
  readonly server: RealService;
}

export interface VolumeOptions {
  readonly label: string;
  /** What it holds at first, raw. iSCSI and NBD write to this file. */
  readonly path: string;
  readonly serverAddress: string;
  /** The Ceph of the plane, which outlives the volume. */
  readonly ceph: () => Promise<CephCluster>;
  /** Ends what was started for the volume alone. */
  readonly owner: AsyncDisposableStack;
}

export async function serveVolume(protocol: VolumeProtocol, options: VolumeOptions): Promise<Volume> {
  const { label, path, serverAddress: listenAddress, owner } = options;
  switch (protocol) {
    case "iscsi": {
      const target = owner.use(await startIscsiTarget({ path, listenAddress, label }));
      return volume(protocol, `${target.targetName}/1`, target);
    }
    case "nbd": {
      const server = owner.use(await startNbdServer({ path, listenAddress }));
      return volume(protocol, server.exportName, server);
    }
    case "rbd": {
      const ceph = await options.ceph();
      return volume(protocol, await ceph.importImage(label, path), ceph.monitor);
    }
  }
}

function volume(protocol: VolumeProtocol, name: string, server: RealService): Volume {
  const host = `<host name='${server.address}' port='${server.port}'/>`;
  return { sourceXml: `<source protocol='${protocol}' name='${name}'>${host}</source>`, server };
}
