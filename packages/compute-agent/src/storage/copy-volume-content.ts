import { createHash, type Hash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import {
  type ConnectionOptions,
  isHole,
  isLibvirtError,
  LibvirtConnection,
  type LibvirtHost,
  type StoragePool,
  type StorageVol,
  type StreamHole,
} from "@drover/libvirt";
import { DroverError, errorCodeOf, type Logger } from "@drover/model";
import { withSourceVolume } from "./source-volume.ts";
import { volumeXml } from "./volume-xml.ts";

/** One file on another host, and the volume here that is to hold the same. */
export interface ContentCopy {
  /** libvirt URI of the other host's libvirtd, as this host dials it. */
  readonly sourceUri: string;
  /** The file there. */
  readonly sourcePath: string;
  /** An active pool here. */
  readonly pool: StoragePool;
  /** Of the volume that is made in it. */
  readonly name: string;
}

export interface CopyOptions {
  /** How the other libvirtd is dialled. */
  readonly connection?: ConnectionOptions;
  /** Ends the copy; what was made of the volume is removed. */
  readonly signal?: AbortSignal;
  readonly logger: Logger;
  /** Called once the volume is there, before anything is written to it. */
  readonly made?: () => Promise<void>;
}

export interface CopiedContent {
  readonly volume: StorageVol;
  readonly sizeBytes: number;
  /** Of the content, as hexadecimal digits: of what the source sent, and of what was read back from the volume. */
  readonly sha256: string;
}

/**
 * Copies a file's content from another host into a new volume here, byte for byte and whatever its format: this host pulls
 * it through its own connection to the source's libvirtd and pushes it into its own libvirtd in the same pass, holding no
 * more than a few pieces. Holes of the file cross as such, and are holes here. The volume is then read back, and must have the
 * checksum of what the source sent.
 *
 * When this rejects the volume is gone again; what cannot be removed is logged. A file that is in the way is left alone.
 *
 * @throws {DroverError} `refused` if something has the volume's name or path here; `internal` with both checksums if the
 *   volume holds something else than was sent; otherwise the code of what went wrong, which is the cause:
 *   `unavailable`, `libvirt`, `outcome-unknown` and so on. An aborted signal rejects with its reason.
 */
export async function copyVolumeContent(
  here: Pick<LibvirtHost, "withBlockingConnection">,
  copy: ContentCopy,
  options: CopyOptions,
): Promise<CopiedContent> {
  const doing = `copying ${copy.sourcePath} from ${copy.sourceUri} into the pool ${copy.pool.name}`;
  return await withBothEnds(here, copy, options, doing, async (own, source, from) => {
    const volume = await makeVolume(own, copy);
    try {
      await options.made?.();
      return await fill(own, volume, source, from, options.signal);
    } catch (error) {
      await removeHalfWritten(here, volume, options.logger);
      throw error;
    }
  });
}

/**
 * The checksum of a volume here that holds the same as the source's file.
 *
 * @throws {DroverError} `refused`, with both checksums, if it does not; otherwise as {@link copyVolumeContent}.
 */
export async function requireSameContent(
  here: Pick<LibvirtHost, "withBlockingConnection">,
  copy: ContentCopy,
  volume: StorageVol,
  options: CopyOptions,
): Promise<string> {
  const doing = `comparing ${volume.key} with ${copy.sourcePath} at ${copy.sourceUri}`;
  return await withBothEnds(here, copy, options, doing, async (own, source, from) => {
    const [foundSha256, sourceSha256] = await Promise.all([
      checksum(own, volume, options.signal),
      checksum(source, from, options.signal),
    ]);
    if (foundSha256 === sourceSha256) return foundSha256;
    throw new DroverError(
      "refused",
      `it holds something else (sha256 ${foundSha256}, not ${sourceSha256}); move it away if it is a leftover`,
      { details: { foundSha256, sourceSha256 } },
    );
  });
}

/** Runs `work` with a connection of its own at each end, and the source's file as a volume. */
async function withBothEnds<T>(
  here: Pick<LibvirtHost, "withBlockingConnection">,
  { sourceUri, sourcePath }: ContentCopy,
  { signal, connection }: CopyOptions,
  doing: string,
  work: (own: LibvirtConnection, source: LibvirtConnection, from: StorageVol) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await here.withBlockingConnection(async (own) => {
      const source = await LibvirtConnection.open(sourceUri, { ...connection, ...(signal && { signal }) });
      try {
        return await withSourceVolume(source, sourcePath, (from) => work(own, source, from));
      } finally {
        await source.close();
      }
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const details = cause instanceof DroverError ? cause.details : {};
    throw new DroverError(errorCodeOf(cause), doing, { cause, details });
  }
}

/** Sparse and empty: it grows with its content, whose length the source alone knows. */
async function makeVolume(own: LibvirtConnection, { pool, name }: ContentCopy): Promise<StorageVol> {
  try {
    return await own.storageVol.createXML(pool, volumeXml({ path: name, format: "raw", capacityBytes: 0 }));
  } catch (cause) {
    // The second is libvirt's word for a file that the pool does not know of.
    if (isLibvirtError(cause, "VIR_ERR_STORAGE_VOL_EXIST") || isLibvirtError(cause, "VIR_ERR_OPERATION_INVALID")) {
      throw new DroverError(
        "refused",
        `${name} is in the way in the pool ${pool.name}; move it away if it is a leftover`,
        { cause },
      );
    }
    throw cause;
  }
}

async function fill(
  own: LibvirtConnection,
  volume: StorageVol,
  source: LibvirtConnection,
  from: StorageVol,
  signal: AbortSignal | undefined,
): Promise<CopiedContent> {
  const transfer = signal === undefined ? {} : { signal };
  const sent = createHash("sha256");
  const pieces = digested(source.storageVol.downloadSparse(from, transfer), sent);
  const sizeBytes = await own.storageVol.uploadSparse(volume, pieces, transfer);
  const sentSha256 = sent.digest("hex");
  const storedSha256 = await checksum(own, volume, signal);
  if (sentSha256 !== storedSha256) {
    throw new DroverError(
      "internal",
      `${volume.key} holds something else than was sent: sha256 ${storedSha256} instead of ${sentSha256}; look at this host's ` +
        "storage and memory",
      { details: { sentSha256, storedSha256 } },
    );
  }
  return { volume, sizeBytes, sha256: sentSha256 };
}

async function checksum(connection: LibvirtConnection, volume: StorageVol, signal?: AbortSignal): Promise<string> {
  const digest = createHash("sha256");
  const transfer = signal === undefined ? {} : { signal };
  for await (const _ of digested(connection.storageVol.downloadSparse(volume, transfer), digest));
  return digest.digest("hex");
}

type Piece = Buffer | StreamHole;

/** The pieces as they come, once they are in the digest: a hole counts as the zeros that a reader of the file finds. */
async function* digested(pieces: AsyncIterable<Piece>, digest: Hash): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    if (isHole(piece)) await digestZeros(digest, piece.holeBytes);
    else digest.update(piece);
    yield piece;
  }
}

const ZEROS = Buffer.alloc(1_048_576);

/** A hole may be gigabytes long: everything else gets its turn meanwhile. */
async function digestZeros(digest: Hash, lengthBytes: number): Promise<void> {
  for (let left = lengthBytes; left > 0; left -= ZEROS.length) {
    digest.update(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
    await turn();
  }
}

/** On a connection of its own: that of the copy may be what broke. */
async function removeHalfWritten(
  here: Pick<LibvirtHost, "withBlockingConnection">,
  volume: StorageVol,
  logger: Logger,
): Promise<void> {
  try {
    await here.withBlockingConnection((own) => own.storageVol.delete(volume));
    logger.info({ path: volume.key }, "a volume that could not be filled was removed");
  } catch (err) {
    if (isLibvirtError(err, "VIR_ERR_NO_STORAGE_VOL")) return;
    logger.warn({ path: volume.key, err }, "a volume that could not be filled could not be removed either");
  }
}
