import type { Domain, LibvirtConnection } from "@drover/libvirt";
import type { DiskToMove, PoolVolume } from "@drover/model";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { diskNeed, needsProof } from "./disk-need.ts";
import type { VolumeInPool } from "./volume-disks.ts";

export interface DisksToMoveOptions {
  /** libvirt URI by which other hosts reach this one. */
  readonly contentUri: string;
  /** The destination is told whether it sees the same storage. */
  readonly storageIsProved: boolean;
  /** By target: why libvirt does not leave the file where it is. */
  readonly unsafe: ReadonlyMap<string, string>;
}

/** The guest's disks as its destination is told of them; those that cannot move fail the source's check, and are left out. */
export async function disksToMove(
  connection: LibvirtConnection,
  domain: Domain,
  disks: readonly GuestDisk[],
  { contentUri, storageIsProved, unsafe }: DisksToMoveOptions,
): Promise<DiskToMove[]> {
  const told = await Promise.all(
    disks.map(async (disk) => {
      const { need, reason, folders } = diskNeed(disk);
      if (need === "refuse" || (!storageIsProved && needsProof(need))) return [];
      const sized = need === "copy" || need === "content" || need === "shared";
      const size = sized ? await sizeOf(connection, domain, disk) : { capacityBytes: 0, writtenBytes: 0 };
      const path = sized || need === "present" ? disk.source : (disk.inPool?.path ?? null);
      return [
        {
          target: disk.target,
          need,
          reason,
          path,
          format: disk.format,
          ...size,
          ...(need === "content" && { contentUri }),
          ...(storageIsProved && folders && { folders: [...folders] }),
          ...(storageIsProved && unsafe.has(disk.target) && { unsafe: unsafe.get(disk.target) }),
          ...(disk.inPool && { pool: poolVolume(disk.inPool) }),
          ...(need === "stays" && { servers: disk.endpoints }),
          ...(need === "volume" && { servers: disk.inPool?.definition.endpoints }),
        },
      ];
    }),
  );
  return told.flat();
}

/** Without definition and path, which the destination has from the rest. */
function poolVolume({ pool, volume, key, capacityBytes, poolXml, autostart }: VolumeInPool): PoolVolume {
  return { pool, volume, key, capacityBytes, poolXml, autostart };
}

/**
 * What a copy writes is what the image holds: its highest byte written or what it takes on disk, whichever is more. Where
 * base images belong to it, all of them are written into one, at most the whole capacity.
 */
async function sizeOf(connection: LibvirtConnection, domain: Domain, disk: GuestDisk) {
  const info = await connection.domain.getBlockInfo(domain, disk.target);
  const capacityBytes = Number(info.capacity);
  const held = Math.max(Number(info.allocation), Number(info.physical));
  const writtenBytes = disk.backing.length > 0 ? capacityBytes : Math.min(held, capacityBytes);
  return { capacityBytes, writtenBytes };
}
