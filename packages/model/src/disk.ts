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
   */
  readonly need: "stays" | "empty-drive" | "present" | "copy" | "content";
  /** Of a file or a device; null for others. */
  readonly path: string | null;
  /** Of the image: `raw` or `qcow2`. */
  readonly format: string;
  /** What the guest sees of it. */
  readonly capacityBytes: number;
  /** Upper bound of what a copy writes. */
  readonly writtenBytes: number;
  /** Of `content`: libvirt URI of the source, from which its destination reads the file. */
  readonly contentUri?: string;
  readonly reason: string;
}

/** What becomes of one of the guest's disks, as the destination has prepared it. */
export interface PreparedDisk {
  readonly target: string;
  /** `content`: read-only, its content was brought before the guest. */
  readonly action: "stays" | "empty-drive" | "copy" | "content";
  /** Of a file or a device, the same on both hosts; null for others. */
  readonly path: string | null;
  readonly capacityBytes: number;
  readonly reason: string;
}
