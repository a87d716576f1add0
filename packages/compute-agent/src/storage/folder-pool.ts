import { createHash } from "node:crypto";
import { isLibvirtError, type LibvirtConnection, type LibvirtError, type StoragePool } from "@drover/libvirt";
import { formatXml } from "../guest/xml-element.ts";

/** A folder as a storage pool, or libvirt's refusal to take it for one. */
export type OpenedFolder =
  | { readonly kind: "open"; readonly pool: StoragePool; readonly availableBytes: number }
  | { readonly kind: "unusable"; readonly error: LibvirtError };

/**
 * Runs `work` with the active pool whose target is `folder`, looked at anew; where there is none, with a transient `dir`
 * pool, which is stopped afterwards. Stopping a pool leaves its files, and QEMU needs no pool for the files that it has open.
 *
 * Not for two at once: libvirt has one pool for each folder (`virStoragePoolObjSourceFindDuplicate`, 9.0.0).
 *
 * @param isHeld Whether a pool of ours is still needed when `work` is done; the next use of the folder asks again.
 */
export async function withFolderPool<T>(
  connection: LibvirtConnection,
  folder: string,
  work: (opened: OpenedFolder) => Promise<T>,
  isHeld: () => boolean = () => false,
): Promise<T> {
  const { storagePool } = connection;
  const known = await unlessMissing(storagePool.lookupByTargetPath(folder));
  let pool = known;
  try {
    if (pool === null) pool = await storagePool.createXML(folderPoolXml(folder));
    else await storagePool.refresh(pool);
  } catch (error) {
    if (!isLibvirtError(error)) throw error;
    return await work({ kind: "unusable", error });
  }
  try {
    const { available } = await storagePool.getInfo(pool);
    return await work({ kind: "open", pool, availableBytes: Number(available) });
  } finally {
    // One of ours that an agent left when it died is found as `known`.
    if (pool.name === folderPoolName(folder) && !isHeld()) await unlessMissing(storagePool.destroy(pool));
  }
}

/** The answer, or null when libvirt has no such pool or volume. Other refusals are thrown. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isLibvirtError(error, "VIR_ERR_NO_STORAGE_POOL") || isLibvirtError(error, "VIR_ERR_NO_STORAGE_VOL"))
      return null;
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

export function folderPoolXml(folder: string): string {
  const text = (name: string, value: string) => ({ name, attributes: {}, children: [], text: value });
  const target = { name: "target", attributes: {}, text: "", children: [text("path", folder)] };
  const children = [text("name", folderPoolName(folder)), target];
  return formatXml({ name: "pool", attributes: { type: "dir" }, text: "", children });
}
