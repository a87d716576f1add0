import { basename, dirname } from "node:path";
import { isLibvirtError, type LibvirtConnection, type StoragePool, type StorageVol } from "@drover/libvirt";
import { FOLDER_POOL_TRIES, folderPoolName, openFolderPool } from "./folder-pool.ts";

/**
 * Runs `work` with the volume that a file of a host is to libvirt: of the active pool over its folder, looked at anew if it
 * does not know the file, or else of a transient pool that is stopped afterwards. Files are left as they are.
 *
 * A folder has one pool only (`virStoragePoolObjSourceFindDuplicate`, 9.0.0), so operations side by side share it: who
 * finds it gone begins again, `work` too.
 *
 * @throws {LibvirtError} `VIR_ERR_NO_STORAGE_VOL` if there is no such file; `VIR_ERR_OPERATION_FAILED` if a stopped pool
 *   claims the folder.
 */
export async function withSourceVolume<T>(
  connection: LibvirtConnection,
  path: string,
  work: (volume: StorageVol) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    let begun = false;
    try {
      const { pool } = await openFolderPool(connection, dirname(path));
      try {
        const volume = await findVolume(connection, pool, basename(path));
        begun = true;
        return await work(volume);
      } finally {
        if (pool.name === folderPoolName(dirname(path))) await stop(connection, pool);
      }
    } catch (error) {
      if (attempt === FOLDER_POOL_TRIES || !isRace(error, begun)) throw error;
    }
  }
}

async function findVolume({ storagePool, storageVol }: LibvirtConnection, pool: StoragePool, name: string) {
  try {
    return await storageVol.lookupByName(pool, name);
  } catch (error) {
    if (!isLibvirtError(error, "VIR_ERR_NO_STORAGE_VOL")) throw error;
    await storagePool.refresh(pool);
    return await storageVol.lookupByName(pool, name);
  }
}

/** Whatever goes wrong here must not hide what the work came to; the next operation on the folder finds the pool. */
async function stop({ storagePool }: LibvirtConnection, pool: StoragePool): Promise<void> {
  await storagePool.destroy(pool).catch(() => undefined);
}

/** Once the work has begun only the pool's absence counts: other refusals are about the work. */
function isRace(error: unknown, begun: boolean): boolean {
  if (isLibvirtError(error, "VIR_ERR_NO_STORAGE_POOL")) return true;
  if (begun) return false;
  return isLibvirtError(error, "VIR_ERR_OPERATION_FAILED") || isLibvirtError(error, "VIR_ERR_OPERATION_INVALID");
}
