import { type Domain, isLibvirtError, type LibvirtConnection, VIR_MIGRATE } from "@drover/libvirt";
import type { GuestDisk } from "../guest/guest-definition.ts";

/**
 * For each writable file of an active guest, by target: why libvirt here refuses a migration that leaves it where it is, in its
 * words. libvirt alone knows which file systems and cache modes it takes for safe (`qemuMigrationSrcIsSafe`, 9.0.0), so it is
 * asked to begin such a migration; without VIR_MIGRATE_CHANGE_PROTECTION nothing of it is left when it has answered.
 *
 * Asked while no job is under way: the answer waits for its end.
 */
export async function whyUnsafe(
  connection: LibvirtConnection,
  domain: Domain,
  disks: readonly GuestDisk[],
): Promise<ReadonlyMap<string, string>> {
  const files = disks.filter((disk) => isFile(disk) && disk.source !== null && !disk.readOnly);
  const reasons = new Map<string, string>();
  for (const { target } of files) {
    // The others count as copied, or the answer might be about one of them.
    const migrateDisks = files.filter((other) => other.target !== target).map((other) => other.target);
    const { VIR_MIGRATE_LIVE, VIR_MIGRATE_NON_SHARED_DISK } = VIR_MIGRATE;
    const flags = VIR_MIGRATE_LIVE | (migrateDisks.length > 0 ? VIR_MIGRATE_NON_SHARED_DISK : 0);
    try {
      await connection.migration.begin3Params(domain, { migrateDisks }, flags);
    } catch (error) {
      // Whatever else is in the way of a migration has a check of its own, or is libvirt's to say when it is asked to begin.
      if (!isLibvirtError(error)) throw error;
      if (isLibvirtError(error, "VIR_ERR_MIGRATE_UNSAFE")) reasons.set(target, error.text);
    }
  }
  return reasons;
}

/** Or a volume that QEMU reaches through the host's file system. */
function isFile({ type, inPool }: GuestDisk): boolean {
  return type === "file" || (inPool !== undefined && inPool.definition.targetPath !== null);
}
