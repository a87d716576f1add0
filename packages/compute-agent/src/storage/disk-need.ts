import { dirname } from "node:path";
import type { DiskToMove } from "@drover/model";
import type { GuestDisk } from "../guest/guest-definition.ts";
import { isOwnAddress } from "./own-address.ts";
import { kindOfPool } from "./pool-definition.ts";

/** What one disk's storage asks of a destination, or why the guest cannot move with it; the remedy is in the reason. */
export interface DiskNeed {
  readonly need: DiskToMove["need"] | "refuse";
  readonly reason: string;
  /** Of a file: what both hosts must see the same storage behind, for it to stay where it is. */
  readonly folders?: readonly string[];
}

/** A conductor of before 1.4 does not carry what the destination needs to judge these. */
export function needsProof(need: DiskNeed["need"]): boolean {
  return need === "shared" || need === "volume";
}

/** Formats that QEMU copies into while the guest writes, and that libvirt makes volumes of. */
const COPIED_FORMATS: ReadonlySet<string> = new Set(["raw", "qcow2"]);

/** udev's names for an iSCSI volume: by its portal and target, or by the identity that its server gave it. */
const STABLE_DEVICE = /^\/dev\/disk\/(by-path\/ip-[^/]+-iscsi-[^/]+|by-id\/(wwn-|scsi-3|dm-uuid-mpath-)[^/]+)$/;

/** The whole file is copied, so that nothing on the destination has to be the same base image. */
const COPIED = "it is a local file, so QEMU copies all of it while the guest runs";

const BASES_OF_THIS_HOST =
  "its base images are found by their paths on this host, where another one may have something else; flatten it into one image";

/**
 * What becomes of a disk is decided by where it lies, never by a name alone: network storage and a device with a name of its
 * own are the same on both hosts; a file is another one there, also where its path is the same, unless it is proved that both
 * hosts see one storage.
 */
export function diskNeed(disk: GuestDisk): DiskNeed {
  if (disk.source === null) return { need: "empty-drive", reason: "nothing is in the drive" };
  switch (disk.type) {
    case "network":
      return networkDisk(disk);
    case "block":
      return blockDisk(disk);
    case "file":
      return fileDisk(disk, disk.source);
    case "volume":
      return volumeDisk(disk);
    default:
      return refuse(
        `its storage is of type ${disk.type}, which Drover cannot bring to another host; detach it, or define it by the path ` +
          "of a file or by network storage",
      );
  }
}

function networkDisk({ protocol, servers, backing }: GuestDisk): DiskNeed {
  const own = servers.find(isOwnAddress);
  if (own !== undefined) {
    return refuse(
      `its ${protocol ?? "network"} server is ${own}, which is another machine on each host; name it by an address that both ` +
        "hosts reach",
    );
  }
  if (backing.some(({ type }) => type !== "network")) return refuse(BASES_OF_THIS_HOST);
  return { need: "stays", reason: `${protocol ?? "network"} storage, the same on both hosts by its address` };
}

/** A volume that is a file comes as that file. */
function volumeDisk({ volume, inPool, transient, backing }: GuestDisk): DiskNeed {
  if (inPool === undefined) {
    return refuse(
      `libvirt does not find the volume ${volume?.name} of its storage pool ${volume?.pool}: start and refresh that pool`,
    );
  }
  const { name, type, servers, storage } = inPool.definition;
  if (kindOfPool(inPool.definition) !== "network") {
    return refuse(
      `its storage pool ${name} is of type ${type}: devices that another host may have under the same names; move it to a pool of ` +
        "network storage or of files",
    );
  }
  const own = servers.find(isOwnAddress);
  if (own !== undefined) {
    return refuse(
      `the server of its storage pool ${name} is ${own}, which is another machine on each host; name it by an address that both ` +
        "hosts reach",
    );
  }
  if (transient) return refuse("its changes are kept in a file of libvirt's that does not move; make it permanent");
  if (backing.some((image) => image.type !== "network")) {
    return refuse(
      "its base images are found by their paths on this host, and not by the pool; flatten it into one volume",
    );
  }
  return {
    need: "volume",
    reason: `its storage pool ${name} is over the same storage on both hosts: ${type}, ${storage}`,
  };
}

function blockDisk(disk: GuestDisk): DiskNeed {
  if (STABLE_DEVICE.test(disk.source ?? "")) {
    const isSameThere = ({ type, source }: GuestDisk["backing"][number]) =>
      type === "network" || (type === "block" && STABLE_DEVICE.test(source));
    if (!disk.backing.every(isSameThere)) return refuse(BASES_OF_THIS_HOST);
    return { need: "present", reason: "its device name says which volume it is, on every host" };
  }
  return refuse(
    `${disk.source} is a device of this host, and another one may have that name on the other; attach it by a name that says ` +
      "which volume it is (/dev/disk/by-path/ip-…-iscsi-…, /dev/disk/by-id/wwn-…), or move it to network storage or into a file",
  );
}

function fileDisk(disk: GuestDisk, path: string): DiskNeed {
  if (!path.startsWith("/")) return refuse(`its path ${path} is not absolute; define it by an absolute path`);
  if (!disk.readOnly && disk.transient)
    return refuse("its changes are kept in a file of libvirt's that does not move; make it permanent");
  if (!disk.readOnly && disk.encrypted)
    return refuse("libvirt holds the key of its image, which does not move with it; use network storage");
  const folders = foldersOf(disk, path);
  const notBrought = whyNotBrought(disk, path);
  if (notBrought !== undefined) {
    return folders === undefined ? refuse(notBrought) : { need: "shared", reason: notBrought, folders };
  }
  const brought: DiskNeed = disk.readOnly
    ? { need: "content", reason: "it is a read-only local file, so its content is brought before the guest" }
    : { need: "copy", reason: COPIED };
  return folders === undefined ? brought : { ...brought, folders };
}

/** Why neither QEMU nor Drover can bring the file to a host that does not see it; undefined when one can. */
function whyNotBrought({ readOnly, shareable, format, backing }: GuestDisk, path: string): string | undefined {
  if (readOnly) {
    if (backing.length === 0) return undefined;
    // Its own file is all that is brought.
    const bases = backing.map(({ source }) => source).join(", ");
    return `${path} holds only the changes to ${bases}, which do not come along; flatten it into one file`;
  }
  if (shareable) {
    return "other guests may write to it, so a copy would differ from theirs; move it to network storage or detach it";
  }
  if (COPIED_FORMATS.has(format)) return undefined;
  return `a copy of the format ${format} cannot be made while the guest runs; convert it to qcow2 or raw`;
}

/** A device under it may be another one on the other host, so such a file is never taken to be on shared storage. */
function foldersOf({ backing }: GuestDisk, path: string): readonly string[] | undefined {
  const bases = backing.filter(({ type }) => type !== "network");
  if (bases.some(({ type, source }) => type !== "file" || !source.startsWith("/"))) return undefined;
  return [...new Set([path, ...bases.map(({ source }) => source)].map(dirname))];
}

function refuse(reason: string): DiskNeed {
  return { need: "refuse", reason };
}
