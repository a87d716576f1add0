import { VIR_STORAGE_VOL_SPARSE_STREAM } from "../constants/storage-constants.ts";
import type { ArgsOf, StreamProcedureName } from "../procedures/procedure-table.ts";
import type { StorageVol } from "../procedures/shared-structures.ts";
import type { CallOptions } from "../wire/call-options.ts";
import type { StreamOptions } from "../wire/rpc-channel.ts";
import type { RpcStream } from "../wire/rpc-stream.ts";
import { isHole, type StreamHole } from "../wire/stream-hole.ts";

/** Opens a stream by the libvirt name of its procedure. */
export type OpenStream = (
  name: StreamProcedureName,
  args: ArgsOf<StreamProcedureName>,
  options?: StreamOptions,
) => Promise<RpcStream>;

/** What a transfer accepts. `deadlineMs` bounds its opening; `signal` aborts it at any time, and the connection stays. */
export interface TransferOptions extends CallOptions {
  /** Where in the volume to begin, bytes. @default 0 */
  readonly offsetBytes?: number;
  /** How much of it at most, bytes; 0 is all that there is. @default 0 */
  readonly lengthBytes?: number;
}

/** A piece of content: bytes, or a hole in their place. */
type Piece = Uint8Array | StreamHole;

/** virStorageVolDownload, virStorageVolUpload (0.9.0). */
export function volumeStreams(open: OpenStream) {
  return {
    /**
     * A volume's content, in pieces of at most 262120 bytes, each read when it is asked for. It opens at the first one;
     * leaving the loop early aborts the transfer and waits for libvirtd to have done so. When the loop ends by itself
     * libvirtd has said that all was read.
     *
     * For a connection of its own, see `LibvirtHost.withBlockingConnection`: a reader that is behind keeps every reply on
     * the connection waiting, and one that takes nothing for about 30 s loses it, as libvirtd's pings stay unanswered.
     *
     * @throws {LibvirtError} if libvirtd refuses or cannot read on; `VIR_ERR_NO_STORAGE_VOL` if there is no such volume.
     * @throws {DroverError} `unavailable` if the connection broke, `protocol` on bytes that cannot be read. An aborted
     *   signal rejects with its reason.
     */
    async *download(vol: StorageVol, options: TransferOptions = {}): AsyncGenerator<Buffer, void, undefined> {
      for await (const piece of receive(open, vol, { ...options, sparse: false })) if (!isHole(piece)) yield piece;
    },

    /**
     * The same, and what nobody has written to the volume comes as a hole, of any length, in place of zeros (3.4.0). Only
     * files have holes, and only on file systems that tell them; everything else comes as bytes.
     *
     * @throws {LibvirtError} also `VIR_ERR_INVALID_ARG` from an older libvirtd.
     */
    downloadSparse: (vol: StorageVol, options: TransferOptions = {}): AsyncGenerator<Buffer | StreamHole> =>
      receive(open, vol, { ...options, sparse: true }),

    /**
     * Writes content into a volume and gives the number of bytes that it has once libvirtd has taken all of them. The next piece
     * is asked of `content` when the socket takes it. If `content` throws, the transfer is aborted and the error
     * passed on. After any failure the volume holds a part of the content.
     *
     * For a connection of its own, see `LibvirtHost.withBlockingConnection`: data wait behind no call there.
     *
     * @throws {LibvirtError} if libvirtd refuses or cannot write on, such as on a full disk.
     * @throws {DroverError} `outcome-unknown` if the connection broke. An aborted signal rejects with its reason.
     */
    upload: (
      vol: StorageVol,
      content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
      options: TransferOptions = {},
    ): Promise<number> => send(open, vol, content, { ...options, sparse: false }),

    /**
     * The same with holes: libvirtd passes over them and leaves there what the volume has, in a new one nothing. The number is
     * of bytes with holes (3.4.0).
     *
     * @throws {LibvirtError} also `VIR_ERR_INVALID_ARG` from an older libvirtd.
     */
    uploadSparse: (
      vol: StorageVol,
      content: AsyncIterable<Piece> | Iterable<Piece>,
      options: TransferOptions = {},
    ): Promise<number> => send(open, vol, content, { ...options, sparse: true }),
  };
}

type Transfer = TransferOptions & { readonly sparse: boolean };

async function* receive(open: OpenStream, vol: StorageVol, options: Transfer): AsyncGenerator<Buffer | StreamHole> {
  await using transfer = await begin(open, "storageVolDownload", vol, options);
  const { stream } = transfer;
  for (let piece = await stream.read(); piece !== undefined; piece = await stream.read()) yield piece;
  await stream.finish();
}

async function send(
  open: OpenStream,
  vol: StorageVol,
  content: AsyncIterable<Piece> | Iterable<Piece>,
  options: Transfer,
): Promise<number> {
  await using transfer = await begin(open, "storageVolUpload", vol, options);
  const { stream } = transfer;
  let bytes = 0;
  for await (const piece of content) {
    if (isHole(piece)) await stream.skip(piece);
    else await stream.write(piece);
    bytes += isHole(piece) ? piece.holeBytes : piece.length;
  }
  await stream.finish();
  return bytes;
}

/**
 * Opens a stream that is aborted when its scope is left before it was finished, and that a signal stops: one that comes
 * while it opens as soon as it has, so that the connection can be used on.
 */
async function begin(open: OpenStream, name: StreamProcedureName, vol: StorageVol, options: Transfer) {
  const { offsetBytes = 0, lengthBytes = 0, signal, ...opening } = options;
  signal?.throwIfAborted();
  const { sparse } = opening;
  const flags = sparse ? VIR_STORAGE_VOL_SPARSE_STREAM : 0;
  const args = { vol, offset: BigInt(offsetBytes), length: BigInt(lengthBytes), flags };
  const stream = await open(name, args, opening);
  const onAbort = () => stream.stop(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  return {
    stream,
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener("abort", onAbort);
      await stream.abort();
    },
  };
}
