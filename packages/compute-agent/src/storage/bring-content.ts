import { basename } from "node:path";
import type { LibvirtHost, StoragePool } from "@drover/libvirt";
import { isDroverError } from "@drover/model";
import { type ContentCopy, type CopyOptions, copyVolumeContent, requireSameContent } from "./copy-volume-content.ts";
import { unlessNoVolume } from "./folder-pool.ts";

/** A read-only disk's file: where the source has it, and this host is to have it. */
export interface ContentSource {
  /** libvirt URI of the source, as this host dials it. */
  readonly sourceUri: string;
  readonly path: string;
}

export interface BringOptions extends CopyOptions {
  /** Resolves when it is on disk that the file is about to be made: one that nobody knows would stay for ever. */
  readonly making: () => Promise<void>;
  /** The same, that it was not made after all. */
  readonly unmade: () => Promise<void>;
}

/**
 * Has the content of a read-only disk under its path here: `found` if a file was there and holds the same, `brought` if it
 * was fetched.
 *
 * @throws {DroverError} `refused` if the file that is there holds something else; otherwise as {@link copyVolumeContent}.
 */
export async function bringContent(
  here: Pick<LibvirtHost, "withBlockingConnection">,
  { sourceUri, path }: ContentSource,
  pool: StoragePool,
  options: BringOptions,
): Promise<"found" | "brought"> {
  const { logger, making, unmade } = options;
  const copy: ContentCopy = { sourceUri, sourcePath: path, pool, name: basename(path) };
  const found = await here.withBlockingConnection(({ storageVol }) =>
    unlessNoVolume(storageVol.lookupByName(pool, copy.name)),
  );
  if (found !== null) {
    const sha256 = await requireSameContent(here, copy, found, options);
    logger.info({ path, sha256 }, "the content of a read-only disk is here already");
    return "found";
  }
  await making();
  try {
    const { sizeBytes, sha256 } = await copyVolumeContent(here, copy, options);
    logger.info({ path, sizeBytes, sha256 }, "the content of a read-only disk was brought");
    return "brought";
  } catch (error) {
    // Then it is another's that is there. Otherwise it stays noted, in case it could not be removed.
    if (isDroverError(error, "refused")) await unmade();
    throw error;
  }
}
