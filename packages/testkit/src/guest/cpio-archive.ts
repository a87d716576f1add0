/** One entry of an archive. Parent folders come before what is in them. */
export interface CpioEntry {
  /** Path without a leading slash. */
  readonly path: string;
  /** File type and permission bits, as st_mode has them: 0o100755 for a program, 0o040755 for a folder. */
  readonly mode: number;
  readonly content?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

/**
 * An archive in the "newc" format, as the Linux kernel unpacks it into its first root file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Owner is root and all times are 0: the same entries give
 * the same bytes. Device nodes need no privilege to be written here, unlike with the `cpio` program.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const all: readonly CpioEntry[] = [...entries, { path: "TRAILER!!!", mode: 0 }];
  return Buffer.concat(all.flatMap((entry, index) => encodeEntry(entry, index + 1)));
}

function encodeEntry({ path, mode, content = new Uint8Array(), device = [0, 0] }: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [padded(Buffer.concat([Buffer.from(header), name])), padded(Buffer.from(content))];
}

/** Header with name, and content, each end on a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
