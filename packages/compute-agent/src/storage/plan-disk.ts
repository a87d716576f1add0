import type { DiskToMove, PreparedDisk } from "@drover/model";

/** What the destination says of one disk's place. */
export interface PlaceFacts {
  readonly host: string;
  /** `occupied`: something has that path there. `unusable`: libvirt cannot open the folder. */
  readonly place: "free" | "occupied" | "unusable";
  /** libvirt's words for why it is unusable. */
  readonly problem?: string;
  /** Left for new files in that folder, less what disks planned before this one take, bytes. */
  readonly availableBytes: number;
}

export type DiskPlan =
  | (PreparedDisk & { readonly writtenBytes: number; readonly format: string })
  | { readonly target: string; readonly action: "refuse"; readonly reason: string };

/**
 * What becomes of one disk on this destination. A copy never lands on something that is there already: whether that is the
 * same storage, a leftover or somebody's data cannot be told from its name.
 */
export function planDisk(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  switch (disk.need) {
    case "stays":
    case "empty-drive":
      return accept(disk, disk.need, disk.reason);
    case "present":
      return planPresent(disk, facts);
    case "content":
      return refuse(
        disk,
        `the content of ${disk.path} does not travel with the guest, which would find an empty or another drive; eject or ` +
          "detach it for the migration, or put it on network storage",
      );
    case "copy":
      return planCopy(disk, facts);
  }
}

function planPresent(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  if (facts?.place === "occupied") return accept(disk, "stays", disk.reason);
  return refuse(
    disk,
    `${facts?.host ?? "the destination"} has no volume ${disk.path} in an active storage pool; connect it there in a pool first`,
  );
}

function planCopy(disk: DiskToMove, facts: PlaceFacts | null): DiskPlan {
  if (facts === null) return refuse(disk, "it has no path; define it by an absolute path");
  const { host, place, availableBytes } = facts;
  if (place === "unusable") {
    return refuse(
      disk,
      `libvirt on ${host} cannot use the folder of ${disk.path} (${facts.problem ?? "no reason given"}); create it there, or ` +
        "start the storage pool that it belongs to",
    );
  }
  if (place === "occupied") {
    return refuse(
      disk,
      `${disk.path} exists on ${host}, and a copy never lands on something that is there: move it away if it is a leftover; ` +
        "if both hosts share that storage, attach the disk by network storage (RBD, iSCSI, NBD)",
    );
  }
  if (disk.writtenBytes > availableBytes) {
    return refuse(
      disk,
      `copying ${disk.path} takes up to ${mib(disk.writtenBytes)} MiB, and ${host} has ${mib(availableBytes)} MiB left ` +
        "there; free some",
    );
  }
  return accept(disk, "copy", disk.reason);
}

function accept(disk: DiskToMove, action: PreparedDisk["action"], reason: string): DiskPlan {
  const { target, path, capacityBytes, writtenBytes, format } = disk;
  return { target, action, path, capacityBytes, writtenBytes, format, reason };
}

function refuse({ target }: DiskToMove, reason: string): DiskPlan {
  return { target, action: "refuse", reason };
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}
