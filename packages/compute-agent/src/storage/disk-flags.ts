import type { ChosenFlag, PreparedDisk } from "@drover/model";

/** What `migrate_disks` is shown with; libvirt takes the targets one by one. */
const SEPARATOR = ",";

/**
 * The flag and the parameter that copy exactly the disks that were prepared. The whole of each, not what lies above a base
 * image (NON_SHARED_INC): whether the destination has the same base could be told only from its name.
 */
export function diskFlags(disks: readonly PreparedDisk[]): readonly ChosenFlag[] {
  const copied = disks.filter(({ action }) => action === "copy").map(({ target }) => target);
  if (copied.length === 0) return [];
  return [
    {
      name: "VIR_MIGRATE_NON_SHARED_DISK",
      reason:
        "the guest has local disks; all of each is copied, so that no base image has to be the same on both hosts",
    },
    {
      name: "migrate_disks",
      value: copied.join(SEPARATOR),
      reason: "these were prepared on the destination; left out, libvirt would copy every writable disk",
    },
  ];
}

/** What is copied of disks, for the time limit: as in Nova, a guest's size is its memory and its local disks. */
export function copiedDisksKiB(disks: readonly PreparedDisk[]): number {
  const copied = disks.filter(({ action }) => action === "copy");
  return copied.reduce((sum, { capacityBytes }) => sum + Math.ceil(capacityBytes / 1024), 0);
}

/** The targets in a `migrate_disks` parameter. */
export function targetsOf(migrateDisks: string): readonly string[] {
  return migrateDisks.split(SEPARATOR);
}
