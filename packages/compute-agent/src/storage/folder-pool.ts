import { createHash } from "node:crypto";
import { isLibvirtError, type LibvirtConnection, type LibvirtError, type StoragePool } from "@drover/libvirt";
import { formatXml } from "../guest/xml-element.ts";

/** A folder as a storage pool, or libvirt's refusal to take it for one. */
export type OpenedFolder =
  | { readonly kind: "open"; readonly pool: StoragePool; readonly availableBytes: number }
  | { readonly kind: "unusable"; readonly error: LibvirtError };

/** Tries to use a pool that another host's agent takes down at the same moment. */
export const FOLDER_POOL_TRIES = 5;

/**
 * Runs `work` with the active pool whose target is `folder`, looked at anew; where there is none, with a transient `dir`
 * pool, which is stopped afterwards. Stopping a pool leaves its files, and QEMU needs no pool for the files that it has open.
 *
 * Not for two at once: libvirt has one pool for each folder (`virStoragePoolObjSourceFindDuplicate`, 9.0.0). Agents of other
 * hosts use it too ({@link withSourceVolume}), and stop it: `work` is begun again then, and has to bear that.
 *
 * @param isHeld Whether a pool of ours is still needed when `work` is done; the next use of the folder asks again.
 * @throws {LibvirtError} what `work` throws; `VIR_ERR_NO_STORAGE_POOL` when the pool went away each time.
 */
export async function withFolderPool<T>(
  connection: LibvirtConnection,
  folder: string,
  work: (opened: OpenedFolder) => Promise<T>,
  isHeld: () => boolean = () => false,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withPoolOnce(connection, folder, work, isHeld);
    } catch (error) {
      if (attempt === FOLDER_POOL_TRIES || !isLibvirtError(error, "VIR_ERR_NO_STORAGE_POOL")) throw error;
    }
  }
}

async function withPoolOnce<T>(
  connection: LibvirtConnection,
  folder: string,
  work: (opened: OpenedFolder) => Promise<T>,
  isHeld: () => boolean,
): Promise<T> {
  const { storagePool } = connection;
  let pool: StoragePool;
  try {
    const opened = await openFolderPool(connection, folder);
    if (opened.isKnown) await storagePool.refresh(opened.pool);
    pool = opened.pool;
  } catch (error) {
    if (!isLibvirtError(error) || isLibvirtError(error, "VIR_ERR_NO_STORAGE_POOL")) throw error;
    return await work({ kind: "unusable", error });
  }
  try {
    const { available } = await storagePool.getInfo(pool);
    return await work({ kind: "open", pool, availableBytes: Number(available) });
  } finally {
    // One of ours that an agent left when it died is known, too.
    if (pool.name === folderPoolName(folder) && !isHeld()) await unlessNoPool(storagePool.destroy(pool));
  }
}

/**
 * The active pool over a folder, as it was looked at last, or a transient one that is made over it.
 *
 * @throws {LibvirtError} where libvirt does not make one.
 */
export async function openFolderPool(
  { storagePool }: LibvirtConnection,
  folder: string,
): Promise<{ readonly pool: StoragePool; readonly isKnown: boolean }> {
  const known = await unlessNoPool(storagePool.lookupByTargetPath(folder));
  if (known !== null) return { pool: known, isKnown: true };
  try {
    return { pool: await storagePool.createXML(folderPoolXml(folder)), isKnown: false };
  } catch (error) {
    // Another agent has made it meanwhile.
    const made = isLibvirtError(error) ? await unlessNoPool(storagePool.lookupByTargetPath(folder)) : null;
    if (made === null) throw error;
    return { pool: made, isKnown: true };
  }
}

/** The answer, or null when libvirt has no such pool. Other refusals are thrown. */
export function unlessNoPool<T>(answer: Promise<T>): Promise<T | null> {
  return unless("VIR_ERR_NO_STORAGE_POOL", answer);
}

/** The answer, or null when the pool has no such volume. Other refusals are thrown, that the pool is gone among them. */
export function unlessNoVolume<T>(answer: Promise<T>): Promise<T | null> {
  return unless("VIR_ERR_NO_STORAGE_VOL", answer);
}

async function unless<T>(missing: "VIR_ERR_NO_STORAGE_POOL" | "VIR_ERR_NO_STORAGE_VOL", answer: Promise<T>) {
  try {
    return await answer;
  } catch (error) {
    if (isLibvirtError(error, missing)) return null;
    throw error;
  }
}

/**
 * Of the pool that agents make over a folder: one name for each, so that those who need it at the same time make the same. It lasts for
 * one operation, and longer only where the agent died in it. Another pool whose name begins so is a person's.
 */
export function folderPoolName(folder: string): string {
  return `drover-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`;
}

function folderPoolXml(folder: string): string {
  const text = (name: string, value: string) => ({ name, attributes: {}, children: [], text: value });
  const target = { name: "target", attributes: {}, text: "", children: [text("path", folder)] };
  const children = [text("name", folderPoolName(folder)), target];
  return formatXml({ name: "pool", attributes: { type: "dir" }, text: "", children });
}
