import type { RpcContext } from "@drover/bus";
import { errorChain, type ServerActionName } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";

export interface ActionRequest {
  readonly serverUuid: string;
  readonly action: ServerActionName;
  /** Where it is done; null for what is recorded only. */
  readonly host: string | null;
  readonly requestedBy: string;
}

/**
 * Does `work` with its begin and its end in the actions of the server. What cannot be recorded is not done; where only the end
 * cannot be, the log has it, and the action stays as one that is under way.
 */
export async function asServerAction<Result>(
  { store, logger }: Pick<ConductorContext, "store" | "logger">,
  { requestedBy, ...request }: ActionRequest,
  { requestId, userId, projectId }: Pick<RpcContext, "requestId" | "userId" | "projectId">,
  work: () => Promise<Result>,
): Promise<Result> {
  const id = await store.serverActions.begin({
    ...request,
    requestId,
    userId: userId ?? requestedBy,
    projectId: projectId ?? null,
  });
  async function finish(error: string | null): Promise<void> {
    try {
      await store.serverActions.finish(id, error);
    } catch (err) {
      logger.error(
        { err, ...request, requestId, outcome: error ?? "ok" },
        "the end of an action could not be recorded",
      );
    }
  }
  let result: Result;
  try {
    result = await work();
  } catch (error) {
    await finish(errorChain(error));
    throw error;
  }
  await finish(null);
  return result;
}
