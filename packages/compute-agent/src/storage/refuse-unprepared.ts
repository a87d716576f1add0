import { DroverError, type PreparedDisk } from "@drover/model";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { diskNeed } from "./disk-need.ts";

/**
 * The last look before the copy: each of the guest's disks must be one that the destination has prepared. They may have been
 * changed since; and an agent or a conductor of the release before prepares none.
 *
 * @throws {DroverError} `refused`, naming the disks.
 */
export function refuseUnprepared(
  serverName: string,
  disks: readonly GuestDisk[],
  prepared: readonly PreparedDisk[],
): void {
  const unprepared = disks.filter((disk) => {
    const { need } = diskNeed(disk);
    if (need === "stays" || need === "empty-drive") return false;
    const plan = prepared.find(({ target }) => target === disk.target);
    if (plan === undefined || plan.path !== (disk.inPool?.path ?? disk.source)) return true;
    // A file that the destination has proved to see stays where it is, and so does a volume.
    return plan.action !== "stays" && plan.action !== need;
  });
  if (unprepared.length === 0) return;
  const named = unprepared.map(({ target, source }) => `${target} (${source})`).join(", ");
  throw new DroverError(
    "refused",
    `the destination is not prepared for ${named} of ${serverName}: it was changed since, or an agent there is of an older ` +
      "release; ask again",
  );
}
