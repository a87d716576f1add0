import type { CallContract, RpcContext } from "@drover/bus";
import { isDroverError } from "@drover/model";
import type { ApiDependencies } from "./api-dependencies.ts";

/** Longer than a conductor takes to find a broker that is back (5 s), or to be restarted. */
const CONDUCTOR_WAIT_MS = 8_000;
const LOOK_AGAIN_MS = 250;

/**
 * Calls the conductor, and waits for one where none is there: after a restart of the broker, or of the only conductor, the
 * API may be back first. A request that nobody took changed nothing, so it may be made again.
 *
 * @throws {DroverError} what the call throws; `agent-unreachable` when no conductor came within 8 s.
 */
export async function askConductor<Request, Response>(
  { bus, clock }: Pick<ApiDependencies, "bus" | "clock">,
  contract: CallContract<Request, Response>,
  request: Request,
  context: RpcContext,
): Promise<Response> {
  const byMs = clock.monotonicMs() + CONDUCTOR_WAIT_MS;
  for (;;) {
    try {
      return await bus.call(contract, request, { context });
    } catch (error) {
      if (!isDroverError(error, "agent-unreachable") || clock.monotonicMs() >= byMs) throw error;
    }
    await clock.sleep(LOOK_AGAIN_MS);
  }
}
