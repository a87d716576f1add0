import { basename } from "node:path";

/** A guest by what a folder of its own is named for. */
export interface FolderOwner {
  readonly serverUuid: string;
  readonly serverName: string;
}

/**
 * A folder that is named for the guest, as Nova's `instances/UUID` is: its own, made where it arrives and removed where it has
 * left. Any other may be where a file system is to be mounted, or other guests' too.
 */
export function isGuestFolder(folder: string, { serverUuid, serverName }: FolderOwner): boolean {
  const name = basename(folder);
  return name !== "" && (name === serverUuid || name === serverName);
}
