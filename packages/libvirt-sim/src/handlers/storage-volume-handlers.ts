import {
  isHole,
  type LibvirtHandlers,
  type StorageVol,
  type StreamHole,
  VIR_FROM,
  VIR_STORAGE_VOL,
  VIR_STORAGE_VOL_SPARSE_STREAM,
} from "@drover/libvirt";
import type { TransferFault } from "../fault-board.ts";
import { noSpaceInStream, notValidNow } from "../refusals.ts";
import type { SimulatedVolume, StoragePools } from "../storage-pools.ts";
import { parseVolumeXml, volumeXml } from "../storage-xml.ts";
import { done } from "./done.ts";

/** Takes the fault that is armed for the next transfer of a direction, if there is one. */
export type TakeTransferFault = (procedure: "storageVolDownload" | "storageVolUpload") => TransferFault | null;

/** The volumes of a host's pools, with content that streams read and write. */
export function storageVolumeHandlers(pools: StoragePools, takeFault: TakeTransferFault): LibvirtHandlers {
  const volumeOf = ({ vol }: { readonly vol: StorageVol }) => pools.volume(pools.byName(vol.pool), vol.name);
  const ref = ({ pool, name, path }: SimulatedVolume) => ({ vol: { pool: pool.name, name, key: path } });
  const fileOf = (args: Parameters<typeof volumeOf>[0]) => {
    const { file, name } = volumeOf(args);
    if (file === null) throw notValidNow(`storage volume '${name}' is a directory`, VIR_FROM.VIR_FROM_STORAGE);
    return file;
  };
  const info = ({ kind, capacityBytes, file }: SimulatedVolume) => ({
    type: TYPES[kind],
    capacity: BigInt(capacityBytes),
    allocation: BigInt(file === null ? capacityBytes : file.allocationBytes),
  });
  return {
    storageVolLookupByName: ({ pool, name }) => ref(pools.volume(pools.byUuid(pool.uuid), name)),
    storageVolLookupByKey: ({ key }) => ref(pools.volumeByKey(key)),
    storageVolLookupByPath: ({ path }) => ref(pools.volumeByPath(path)),
    storageVolGetXMLDesc: (args) => {
      const { name, path, kind, capacityBytes, file } = volumeOf(args);
      const format = file?.format ?? (kind === "dir" ? "dir" : "raw");
      const allocationBytes = file === null ? capacityBytes : file.allocationBytes;
      return { xml: volumeXml({ name, path, kind, format, capacityBytes, allocationBytes }) };
    },
    storageVolGetInfo: (args) => info(volumeOf(args)),
    storageVolGetInfoFlags: (args) => info(volumeOf(args)),
    storageVolGetPath: (args) => ({ name: volumeOf(args).path }),
    storageVolCreateXML: ({ pool, xml }) => ref(pools.createVolume(pools.byUuid(pool.uuid), parseVolumeXml(xml))),
    storageVolDelete: done((args) => pools.deleteVolume(volumeOf(args))),
    storageVolDownload: (args) => {
      const file = fileOf(args);
      const from = Number(args.offset);
      const end = args.length === 0n ? undefined : from + Number(args.length);
      const isSparse = (args.flags & VIR_STORAGE_VOL_SPARSE_STREAM) !== 0;
      const content = isSparse ? file.readSparse(from, end) : file.read(from, end);
      return faulty(content, takeFault("storageVolDownload"));
    },
    storageVolUpload: (args) => {
      const file = fileOf(args);
      const fault = takeFault("storageVolUpload");
      const from = Number(args.offset);
      const end = args.length === 0n ? Number.POSITIVE_INFINITY : from + Number(args.length);
      return async (data) => {
        let at = from;
        for await (const piece of faulty(data, fault)) {
          if (isHole(piece)) file.write(Math.min(end, at + piece.holeBytes), NOTHING);
          else file.write(at, piece.subarray(0, end - at));
          at += lengthOf(piece);
          if (at > end) throw noSpaceInStream();
        }
      };
    },
  };
}

const TYPES = {
  file: VIR_STORAGE_VOL.VIR_STORAGE_VOL_FILE,
  dir: VIR_STORAGE_VOL.VIR_STORAGE_VOL_DIR,
  network: VIR_STORAGE_VOL.VIR_STORAGE_VOL_NETWORK,
} as const satisfies Record<SimulatedVolume["kind"], number>;

const NOTHING = Buffer.alloc(0);

type Piece = Buffer | StreamHole;

function lengthOf(piece: Piece): number {
  return isHole(piece) ? piece.holeBytes : piece.length;
}

/** The data as they come out of a transfer that has a fault. */
async function* faulty(data: AsyncIterable<Piece> | Iterable<Piece>, fault: TransferFault | null) {
  let passedBytes = 0;
  let intact = true;
  for await (const piece of data) {
    if (fault?.kind === "fail-midway" && passedBytes + lengthOf(piece) > fault.afterBytes) {
      if (!isHole(piece)) yield piece.subarray(0, fault.afterBytes - passedBytes);
      throw fault.error;
    }
    if (fault?.kind === "corrupt" && intact && !isHole(piece)) {
      const flipped = Buffer.from(piece);
      flipped.writeUInt8(flipped.readUInt8(0) ^ 1, 0);
      yield flipped;
      intact = false;
    } else {
      yield piece;
    }
    passedBytes += lengthOf(piece);
  }
}
