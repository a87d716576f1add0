import type { DiskToMove, PreparedDisk } from "@drover/model";
import type { FoundPool } from "./pool-connections.ts";

/** What the destination says of one disk's place. */
export interface PlaceFacts {
  readonly host: string;
  /** `occupied`: something has that path there. `unusable`: libvirt cannot open the folder. */
  readonly place: "free" | "occupied" | "unusable";
  /** libvirt's words for why it is unusable. */
  readonly problem?: string;
  /** Left for new files in that folder, less what disks planned before this one take, bytes. */
  readonly availableBytes: number;
  /** What the guest would see of the file that occupies the place. */
  readonly foundCapacityBytes?: number;
  /** The file in the place is being brought for another guest: it has no size of its own yet. */
  readonly isBeingBrought?: boolean;
  /** Why the source's libvirtd is not dialled for a disk's content. */
  readonly sourceProblem?: string | undefined;
  /** The folder is not there yet: it is the guest's own, and is made for it. */
  readonly makesFolder?: boolean;
  /** It is proved that the storage behind the disk's folders is the one that the source has there. */
  readonly seesSameStorage: boolean;
}

interface AcceptedDisk extends PreparedDisk {
  readonly writtenBytes: number;
  readonly format: string;
  /** The guest's folder is made before. */
  readonly makesFolder: boolean;
}

export type DiskPlan = AcceptedDisk | { readonly target: string; readonly action: "refuse"; readonly reason: string };

/**
 * What becomes of one disk on this destination. A volume is reached through its pool. A file that is proved to be the same one stays where it is. A copy never lands
 * on something that is there already: what it is cannot be told from its name.
 */
export function planDisk(disk: DiskToMove, facts: PlaceFacts | null, pool: FoundPool | null = null): DiskPlan {
  if (pool?.kind === "unusable") return refuse(disk, pool.problem);
  if (pool?.kind === "stopped" && disk.need !== "volume") return planLater(disk);
  if (facts?.seesSameStorage) return planShared(disk, facts);
  switch (disk.need) {
    case "stays":
    case "empty-drive":
      return accept(disk, disk.need, disk.reason);
    case "volume":
      return planVolume(disk);
    case "present":
      return planPresent(disk, facts);
    case "content":
      return planContent(disk, facts);
    case "copy":
      return planCopy(disk, facts);
    case "shared":
      return refuse(
        disk,
        `${disk.reason}; or share its storage with ${facts?.host ?? "the destination"}, ${NOT_SHARED}`,
      );
  }
}

const SAFE =
  "use a file system that libvirt knows as shared (NFS, CephFS, GlusterFS, GFS2, OCFS2), name the folder in shared_filesystems of " +
  "qemu.conf where libvirt has that setting, and cache='none' for the disk if it names caches";

const NOT_SHARED = "which was not shown to see the same";

/** libvirt is asked before whether it leaves the file where it is; VIR_MIGRATE_UNSAFE, which silences it, is never set. */
function planShared(disk: DiskToMove, { host, place }: PlaceFacts): DiskPlan {
  if (place !== "occupied") {
    return refuse(
      disk,
      `${host} sees the same storage behind the folder of ${disk.path}, and no such file in it: if it is a link, mount what it ` +
        "leads to there, too, or move the file itself into the folder",
    );
  }
  if (disk.unsafe === undefined) {
    return accept(disk, "stays", `${host} sees the same storage: it found a volume that the source had made there`);
  }
  return refuse(
    disk,
    `${host} sees the same storage behind ${disk.path}, and libvirt on the source does not leave the disk there ` +
      `(${disk.unsafe}): ${SAFE}`,
  );
}

/** For a check, which starts nothing. */
function planLater(disk: DiskToMove): DiskPlan {
  const action = disk.need === "copy" || disk.need === "content" ? disk.need : "stays";
  return accept(disk, action, "its storage pool is started first, and its place is looked at then");
}

/** Of one in a file system that hosts share, such as NFS, libvirt is asked as of a file. */
function planVolume(disk: DiskToMove): DiskPlan {
  if (disk.unsafe === undefined) return accept(disk, "stays", disk.reason);
  return refuse(disk, `libvirt on the source does not leave the disk where it is (${disk.unsafe}): ${SAFE}`);
}

function planPresent(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  if (facts?.place === "occupied") return accept(disk, "stays", disk.reason);
  return refuse(
    disk,
    `${facts?.host ?? "the destination"} has no volume ${disk.path} in an active storage pool; connect it there in a pool first`,
  );
}

function planCopy(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  if (facts === null) return refuse(disk, NO_PATH);
  const { host, place, availableBytes, makesFolder = false } = facts;
  if (place === "unusable") return refuseFolder(disk, facts);
  if (place === "occupied") {
    return refuse(
      disk,
      `${disk.path} exists on ${host}, ${NOT_SHARED} storage as the source, and a copy never lands on something that is ` +
        "there: move it away if it is a leftover; if it is the same file, see that libvirt on both hosts may write to its folder",
    );
  }
  if (disk.writtenBytes > availableBytes) return refuseRoom(disk, facts);
  return { ...accept(disk, "copy", disk.reason), makesFolder };
}

/**
 * Nobody writes to a read-only file, so one that is there and holds the same will do: that is compared before the guest moves,
 * and here its size alone. A guest comes back to a host on which its user had put the file in this way.
 */
function planContent(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  if (facts === null) return refuse(disk, NO_PATH);
  if (disk.contentUri === undefined) {
    return refuse(disk, `the agent of its source does not say where to read ${disk.path}; upgrade that agent`);
  }
  const { host, place, availableBytes, foundCapacityBytes, isBeingBrought, sourceProblem, makesFolder = false } = facts;
  if (sourceProblem !== undefined) {
    return refuse(disk, `${host} does not read ${disk.path} where the agent of its source says: ${sourceProblem}`);
  }
  if (place === "unusable") return refuseFolder(disk, facts);
  if (place === "occupied") {
    if (foundCapacityBytes !== disk.capacityBytes && isBeingBrought !== true) {
      return refuse(disk, `${disk.path} on ${host} is another file than on the source, by its size; move it away`);
    }
    return accept(disk, "content", `a file of its size is on ${host}; it is used if it holds the same`);
  }
  if (disk.writtenBytes > availableBytes) return refuseRoom(disk, facts);
  return { ...accept(disk, "content", disk.reason), makesFolder };
}

const NO_PATH = "it has no path; define it by an absolute path";

function refuseFolder(disk: DiskToMove, { host, problem }: PlaceFacts): DiskPlan {
  return refuse(
    disk,
    `libvirt on ${host} cannot use the folder of ${disk.path} (${problem ?? "no reason given"}); create it there, or ` +
      "start the storage pool that it belongs to",
  );
}

function refuseRoom(disk: DiskToMove, { host, availableBytes }: PlaceFacts): DiskPlan {
  return refuse(
    disk,
    `copying ${disk.path} takes up to ${mib(disk.writtenBytes)} MiB, and ${host} has ${mib(availableBytes)} MiB left ` +
      "there; free some",
  );
}

function accept(disk: DiskToMove, action: PreparedDisk["action"], reason: string): AcceptedDisk {
  const { target, path, capacityBytes, writtenBytes, format } = disk;
  return { target, action, path, capacityBytes, writtenBytes, format, reason, makesFolder: false };
}

function refuse({ target }: DiskToMove, reason: string): DiskPlan {
  return { target, action: "refuse", reason };
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}
