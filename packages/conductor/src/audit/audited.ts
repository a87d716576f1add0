import type { RpcHandler, RpcInfo } from "@drover/bus";
import { errorChain, errorCodeOf, type Logger } from "@drover/model";
import type { NewAuditEntry, Store } from "@drover/store";
import { requestText, resourceOf } from "./request-text.ts";

interface Recording {
  readonly store: Pick<Store, "audit">;
  readonly logger: Logger;
}

/**
 * The same handlers, of which those that change something on request are in the audit: what is asked before it is done, and
 * what came of it before it is answered. What cannot be recorded is not done; where only the outcome cannot be recorded,
 * the log has it, and the entry stays without one.
 */
export function audited(recording: Recording, handlers: readonly RpcHandler[]): readonly RpcHandler[] {
  return handlers.map((handler) => (isOnRequest(handler) ? recorded(recording, handler) : handler));
}

function isOnRequest({ contract: { access, kind, changesNothing } }: RpcHandler): boolean {
  return kind === "call" && changesNothing !== true && (access === "request" || access === "control-plane");
}

function recorded(recording: Recording, handler: RpcHandler): RpcHandler {
  const { contract } = handler;
  return {
    contract,
    read: (args) => {
      const { request, run } = handler.read(args);
      return {
        request,
        run: async (info) => {
          const id = await recording.store.audit.add(entryOf(contract.method, request, info));
          try {
            const answer = await run(info);
            await settle(recording, id, "ok", null);
            return answer;
          } catch (error) {
            await settle(recording, id, errorCodeOf(error), errorChain(error));
            throw error;
          }
        },
      };
    },
  };
}

function entryOf(action: string, request: unknown, { context, sender, fromControlPlane }: RpcInfo): NewAuditEntry {
  const { userId, projectId, requestId } = context;
  // An API looked at a token; another service could say anything.
  const { role, tokenId, remoteAddress } = fromControlPlane ? context : {};
  return {
    userId: userId ?? requesterOf(request),
    projectId: projectId ?? null,
    role: role ?? null,
    tokenId: tokenId ?? null,
    remoteAddress: remoteAddress ?? null,
    sender: sender.user,
    action,
    resource: resourceOf(action, request),
    request: requestText(request),
    outcome: null,
    message: null,
    httpStatus: null,
    requestId,
    times: 1,
  };
}

/** A stock client may say in its request alone who asks. */
function requesterOf(request: unknown): string | null {
  const said = typeof request === "object" && request !== null && "requestedBy" in request ? request.requestedBy : null;
  return typeof said === "string" ? said : null;
}

async function settle(
  { store, logger }: Recording,
  id: number,
  outcome: string,
  message: string | null,
): Promise<void> {
  try {
    await store.audit.settle(id, outcome, message);
  } catch (err) {
    logger.error({ err, auditId: id, outcome }, "what came of a request could not be recorded in the audit");
  }
}
