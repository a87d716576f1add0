import { isDroverError, isHostUp } from "@drover/model";
import type { StepContext } from "./step.ts";

/**
 * So many tries in a row, about 13 s, have to fail before a host is given up: after an outage of the broker no host was
 * heard of for a while, and agents come back one after the other.
 */
const TRIES = 5;

/**
 * Clean-up on a host that may be gone for good. While the host counts as up a failure is thrown, and the caller tries
 * again; once it counts as down the migration goes on without it: a dead host must not keep a guest that is well from
 * being migrated again. Resolves with `given up` then, or with what `cleanUp` says.
 *
 * @throws what `cleanUp` threw: always where the host has answered, or where it is the broker that is away.
 */
export async function untilHostIsDown(
  context: Pick<StepContext, "store" | "clock" | "failures">,
  host: string,
  cleanUp: () => Promise<string>,
  givenUp = `${host} is down; a definition that may be left there will be shown as a leftover`,
): Promise<string> {
  try {
    return await cleanUp();
  } catch (error) {
    const silent = isDroverError(error, "agent-unreachable") || isDroverError(error, "deadline-exceeded");
    if (!silent || context.failures < TRIES) throw error;
    const known = await context.store.hosts.get(host);
    if (known !== undefined && isHostUp(known, context.clock.now())) throw error;
    return givenUp;
  }
}
