import { join } from "node:path";
import { isLibvirtError, type LibvirtConnection, type StoragePool, VIR_STORAGE_XML } from "@drover/libvirt";
import type { PoolVolume } from "@drover/model";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { unlessNoPool } from "./folder-pool.ts";
import { kindOfPool, type PoolDefinition, poolForOthers, readPool } from "./pool-definition.ts";

/** What libvirt says of a volume that a guest's disk names. */
export interface VolumeInPool extends PoolVolume {
  readonly definition: PoolDefinition;
  /** Where QEMU finds it, as libvirt has it: a file, a device, or a name that no host has in its file system. */
  readonly path: string;
}

/**
 * The disks with what libvirt says of the volumes that they name (`<disk type='volume'>`). One that is a file is told as that
 * file; one that libvirt does not find is left as it is.
 */
export async function withVolumes(
  connection: LibvirtConnection,
  disks: readonly GuestDisk[],
): Promise<readonly GuestDisk[]> {
  return await Promise.all(
    disks.map(async (disk) => {
      const inPool = disk.volume === null ? null : await findVolume(connection, disk.volume);
      if (inPool === null) return disk;
      if (kindOfPool(inPool.definition) !== "files") return { ...disk, inPool };
      return { ...disk, inPool, type: "file", source: inPool.path };
    }),
  );
}

async function findVolume(
  connection: LibvirtConnection,
  named: { readonly pool: string; readonly name: string },
): Promise<VolumeInPool | null> {
  const { storagePool } = connection;
  try {
    const pool = await unlessNoPool(storagePool.lookupByName(named.pool));
    if (pool === null) return null;
    const [xml, autostart] = await Promise.all([
      storagePool.getXMLDesc(pool, VIR_STORAGE_XML.VIR_STORAGE_XML_INACTIVE),
      storagePool.getAutostart(pool),
    ]);
    const definition = readPool(xml);
    const known = { definition, pool: named.pool, volume: named.name, poolXml: poolForOthers(xml), autostart };
    // A guest keeps its file when its pool is stopped, and the path follows from the pool's.
    if (kindOfPool(definition) === "files") {
      return { ...known, path: join(definition.targetPath ?? "", named.name), key: null, capacityBytes: null };
    }
    return { ...known, ...(await describeVolume(connection, pool, named.name)) };
  } catch (error) {
    // The pool was stopped, or is gone.
    if (isLibvirtError(error)) return null;
    throw error;
  }
}

async function describeVolume({ storageVol }: LibvirtConnection, pool: StoragePool, name: string) {
  const volume = await storageVol.lookupByName(pool, name);
  const [path, { capacity }] = await Promise.all([storageVol.getPath(volume), storageVol.getInfo(volume)]);
  return { path, key: volume.key, capacityBytes: Number(capacity) };
}
