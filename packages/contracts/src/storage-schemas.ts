/** A guest's disks, as the source tells the destination of them and as the destination answers. */
import type { DiskToMove, PreparedDisk, StorageProof } from "@drover/model";
import { z } from "zod";

const bytes = z.number().int().nonnegative();

/**
 * One disk of a guest that is to move, and what its storage asks of the destination. `refuse` is never sent: such a disk
 * fails the source's check.
 */
export const guestDisk = z
  .object({
    target: z.string().describe("The name inside the guest, as libvirt has it: `vda`."),
    need: z
      .enum(["stays", "empty-drive", "present", "copy", "content", "shared"])
      .describe(
        "`stays`: both hosts reach it over the network. `empty-drive`: nothing is in it. `present`: a device of that path must " +
          "be on the destination. `copy`: writable and local, it is copied while the guest runs. `content`: read-only and " +
          "local, its content must be there before. `shared`: a file that cannot be brought there, so both hosts must see it.",
      ),
    path: z.string().nullable().describe("Of a file or a device; null for others."),
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
    servers: z
      .array(z.object({ address: z.string(), port: z.number().int() }))
      .readonly()
      .optional()
      .describe("Of `stays`: where its storage is served over TCP; any of them is enough. Since 1.4."),
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
