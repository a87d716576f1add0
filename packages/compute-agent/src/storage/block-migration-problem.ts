import type { DiskPlan } from "./plan-disk.ts";

/**
 * Why the disks cannot move in the way that was asked for, with the remedy; undefined when they can. As in Nova, `true` wants
 * a disk to copy, and is refused where all of them are on shared storage; `false` wants none.
 *
 * @param blockMigration Nova's `block_migration`; null is `auto`.
 */
export function blockMigrationProblem(
  host: string,
  plans: readonly DiskPlan[],
  blockMigration: boolean | null,
): string | undefined {
  if (blockMigration === null) return undefined;
  const brought = plans.filter(({ action }) => action === "copy" || action === "content").map(({ target }) => target);
  if (!blockMigration && brought.length > 0) {
    return (
      `${brought.join(", ")} would have to be copied to ${host}, which was not shown to see the same storage, and ` +
      "block_migration is false: ask with block_migration true or auto, or share the storage"
    );
  }
  if (blockMigration && !plans.some(({ action }) => action === "copy")) {
    return (
      `copying disks was asked for (block_migration true), and ${host} sees the same storage for all of them: ask with ` +
      "block_migration false or auto"
    );
  }
  return undefined;
}
