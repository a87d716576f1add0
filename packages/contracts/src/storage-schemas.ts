/** A guest's disks, as the source tells the destination of them and as the destination answers. */
import type { DiskToMove, PoolVolume, PreparedDisk, StorageProof } from "@drover/model";
import { z } from "zod";

const bytes = z.number().int().nonnegative();

const poolVolume = z
  .object({
    pool: z.string().describe("The pool's name, which the guest's definition has: it is the same on both hosts."),
    volume: z.string(),
    key: z
      .string()
      .nullable()
      .describe("What tells the volume from all others, as libvirt has it; null for a file, which its path tells."),
    capacityBytes: bytes.nullable().describe("The volume's, as libvirt has it; null for a file."),
    poolXml: z.string().describe("libvirt's document of the pool, by which it can be defined on another host."),
    autostart: z.boolean().describe("libvirtd starts the pool when it starts."),
  })
  .meta({ id: "PoolVolume" }) satisfies z.ZodType<PoolVolume>;

/**
 * One disk of a guest that is to move, and what its storage asks of the destination. `refuse` is never sent: such a disk
 * fails the source's check.
 */
export const guestDisk = z
  .object({
    target: z.string().describe("The name inside the guest, as libvirt has it: `vda`."),
    need: z
      .enum(["stays", "empty-drive", "present", "copy", "content", "shared", "volume"])
      .describe(
        "`stays`: both hosts reach it over the network. `empty-drive`: nothing is in it. `present`: a device of that path must " +
          "be on the destination. `copy`: writable and local, it is copied while the guest runs. `content`: read-only and " +
          "local, its content must be there before. `shared`: a file that cannot be brought there, so both hosts must see it. " +
          "`volume`: a volume of network storage, whose pool must be there (since 1.4).",
      ),
    path: z.string().nullable().describe("Of a file, a device or a volume; null for others."),
    format: z.string().describe("Of the image: `raw` or `qcow2`."),
    capacityBytes: bytes.describe("What the guest sees of it."),
    writtenBytes: bytes.describe("Upper bound of what a copy writes."),
    contentUri: z
      .string()
      .optional()
      .describe("Of `content`: libvirt URI of the source, from which the destination's agent reads the file."),
    folders: z
      .array(z.string())
      .readonly()
      .optional()
      .describe(
        "Of a file: its folder and those of its base images. The file stays where it is if both hosts are proved to see the " +
          "same storage behind each. Since 1.4.",
      ),
    unsafe: z
      .string()
      .optional()
      .describe("Why libvirt on the source refuses to leave the file where it is, in its words. Since 1.4."),
    pool: poolVolume
      .optional()
      .describe("The volume that the disk is defined by; its pool is connected before the guest comes. Since 1.4."),
    servers: z
      .array(z.object({ address: z.string(), port: z.number().int() }))
      .readonly()
      .optional()
      .describe("Of `stays` and `volume`: where its storage is served over TCP; any of them is enough. Since 1.4."),
    reason: z.string(),
  })
  .meta({ id: "GuestDisk" }) satisfies z.ZodType<DiskToMove>;

export const storageProof = z
  .object({
    folder: z.string(),
    name: z.string().describe("Of a volume that the source's agent has made in that folder."),
    content: z
      .string()
      .regex(/^([0-9a-f]{2})+$/)
      .describe("All that is in it, as hexadecimal digits."),
  })
  .meta({ id: "StorageProof" }) satisfies z.ZodType<StorageProof>;

export const preparedDisk = z
  .object({
    target: z.string(),
    action: z.enum(["stays", "empty-drive", "copy", "content"]).describe("What becomes of the disk."),
    path: z.string().nullable(),
    capacityBytes: bytes,
    reason: z.string(),
  })
  .meta({ id: "PreparedDisk" }) satisfies z.ZodType<PreparedDisk>;
