import { isHostUp } from "@drover/model";
import type { StepContext } from "./step.ts";

/**
 * Clean-up on a host that may be gone for good. While the host counts as up a failure is thrown, and the caller tries
 * again; once it counts as down the migration goes on without it: a dead host must not keep a guest that is well from
 * being migrated again. What may be left there is a shut-off definition; when the host returns it is reported as a
 * leftover of the server, and nothing starts it.
 */
export async function untilHostIsDown(
  context: StepContext,
  host: string,
  done: string,
  cleanUp: () => Promise<void>,
): Promise<string> {
  try {
    await cleanUp();
    return done;
  } catch (error) {
    const known = await context.store.hosts.get(host);
    if (known !== undefined && isHostUp(known, context.clock.now())) throw error;
    return `${host} is down; a definition that may be left there will be shown as a leftover`;
  }
}
