/** The volume of a storage pool that a guest's disk is defined by. */
export interface PoolVolume {
  /** Of the pool; a guest's definition has it, so it is the same on both hosts. */
  readonly pool: string;
  readonly volume: string;
  /** What tells the volume from all others of its storage, as libvirt has it; null for a file, which its path tells. */
  readonly key: string | null;
  /** The volume's, as libvirt has it; null for a file. */
  readonly capacityBytes: number | null;
  /** libvirt's document of the pool, by which it can be defined on another host. */
  readonly poolXml: string;
  /** libvirtd starts the pool when it starts. */
  readonly autostart: boolean;
}

/** One disk of a guest that is to move, and what its storage asks of the destination. */
export interface DiskToMove {
  /** The name inside the guest, as libvirt has it: `vda`. */
  readonly target: string;
  /**
   * - `stays`: both hosts reach it over the network.
   * - `empty-drive`: nothing is in it.
   * - `present`: a device of that path must be on the destination.
   * - `copy`: writable and local; it is copied while the guest runs.
   * - `content`: read-only and local; its content must be there before the guest.
   * - `shared`: a file that cannot be brought there; it must be on storage that both hosts see.
   * - `volume`: a volume of network storage, reached through a storage pool that must be on the destination.
   */
  readonly need: "stays" | "empty-drive" | "present" | "copy" | "content" | "shared" | "volume";
  /** Of a file, a device or a volume; null for others. */
  readonly path: string | null;
  /** Of the image: `raw` or `qcow2`. */
  readonly format: string;
  /** What the guest sees of it. */
  readonly capacityBytes: number;
  /** Upper bound of what a copy writes. */
  readonly writtenBytes: number;
  /** Of `content`: libvirt URI of the source, from which its destination reads the file. */
  readonly contentUri?: string | undefined;
  /** Of a file: its folder and those of its base images. It stays where it is if both hosts see one storage behind each. */
  readonly folders?: readonly string[] | undefined;
  /** Why libvirt on the source refuses to leave the file where it is, in its words; left out where it does not. */
  readonly unsafe?: string | undefined;
  /** The volume that the disk is defined by. Its pool is connected on the destination before the guest comes. */
  readonly pool?: PoolVolume | undefined;
  /** Of `stays` and `volume`: where its storage is served over TCP; any of them is enough. */
  readonly servers?: readonly { readonly address: string; readonly port: number }[];
  readonly reason: string;
}

/**
 * A volume of random name and content that the source's agent has made in a folder. A host that finds it there with that
 * content has the same storage behind the folder.
 */
export interface StorageProof {
  readonly folder: string;
  readonly name: string;
  /** Hexadecimal digits. */
  readonly content: string;
}

/** What becomes of one of the guest's disks, as the destination has prepared it. */
export interface PreparedDisk {
  readonly target: string;
  /** `stays`: nothing is done, both hosts reach it. `content`: read-only, its content was brought before the guest. */
  readonly action: "stays" | "empty-drive" | "copy" | "content";
  /** Of a file, a device or a volume, the same on both hosts; null for others. */
  readonly path: string | null;
  readonly capacityBytes: number;
  readonly reason: string;
}
