import { DroverError, type ServerLock } from "@drover/model";
import type { Store } from "@drover/store";

/**
 * A lock is for everybody but administrators.
 *
 * @throws {DroverError} `refused` with `details.lockedBy`, so that it can be told from other refusals
 */
export async function refuseLocked(
  { serverLocks }: Pick<Store, "serverLocks">,
  {
    serverUuid,
    serverName,
    asAdmin = false,
  }: { serverUuid: string; serverName: string; asAdmin?: boolean | undefined },
): Promise<void> {
  if (asAdmin) return;
  const lock = await serverLocks.of(serverUuid);
  if (lock === null) return;
  throw new DroverError(
    "refused",
    `${serverName} is locked by ${lock.lockedBy}${because(lock)}: have it unlocked first`,
    {
      details: { serverUuid, lockedBy: lock.lockedBy },
    },
  );
}

function because({ reason }: ServerLock): string {
  return reason === null ? "" : ` (${reason})`;
}
