import type { PreCheck } from "@drover/model";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { diskNeed, needsProof } from "./disk-need.ts";

export interface StorageFacts {
  readonly serverName: string;
  readonly disks: readonly GuestDisk[];
  /** Nova's `block_migration`; null is `auto`. */
  readonly blockMigration: boolean | null;
  /** Its destination is told whether it sees the same storage, and judges what depends on that. */
  readonly storageIsProved: boolean;
}

/**
 * Can this guest's disks go anywhere at all? As in Nova, `true` wants a disk to copy and `false` wants none; `auto` copies
 * what is local. Whether a destination has what they need is that host's check, and so is what of a guest's files is local.
 */
export function storageCheck({ serverName, disks, blockMigration, storageIsProved }: StorageFacts): PreCheck {
  const needs = disks.map((disk) => ({ disk, ...diskNeed(disk) }));
  const refused = needs.filter(({ need }) => need === "refuse" || (!storageIsProved && needsProof(need)));
  if (refused.length > 0) {
    const named = refused.map(({ disk, reason }) => `${nameOf(disk)}: ${reason}`).join("; ");
    return fail(`${serverName} has disks that cannot come along: ${named}`);
  }
  const local = needs.filter(({ need }) => need === "copy" || need === "content").map(({ disk }) => nameOf(disk));
  if (blockMigration === false && local.length > 0 && !storageIsProved) {
    return fail(
      `${serverName} has disks on local storage (${local.join(", ")}), and block_migration is false: ask with ` +
        "block_migration true or auto, or move them to network storage",
    );
  }
  const copied = needs.filter(({ need }) => need === "copy").map(({ disk }) => nameOf(disk));
  if (blockMigration === true && copied.length === 0) {
    return fail(
      `copying the disks of ${serverName} was asked for (block_migration true), and none of them is local and writable; ` +
        "ask with block_migration false or auto",
    );
  }
  const unlessShared = storageIsProved ? ", unless a host shares its storage" : "";
  if (copied.length > 0) return pass(`${copied.join(", ")} of ${serverName} must be copied${unlessShared}`);
  return pass(`${serverName} has no disk that must be copied`);
}

function nameOf({ target, type, source }: GuestDisk): string {
  return `${target} (${type} ${source})`;
}

function pass(message: string): PreCheck {
  return { check: "storage", passed: true, message };
}

function fail(message: string): PreCheck {
  return { check: "storage", passed: false, message };
}
