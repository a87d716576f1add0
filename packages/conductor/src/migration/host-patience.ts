import { isHostUp } from "@drover/model";
import type { StepContext } from "./step.ts";

/**
 * Clean-up on a host that may be gone for good. While the host counts as up a failure is thrown, and the caller tries
 * again; once it counts as down the clean-up is left to its agent, which releases what no migration owns when it
 * starts. A dead host must not keep a guest that is well from being migrated again.
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
    return `${host} is down; its agent cleans up when it returns`;
  }
}
