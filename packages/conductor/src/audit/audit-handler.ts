import { handle, type RpcHandler } from "@drover/bus";
import { recordAudit } from "@drover/contracts";
import type { Store } from "@drover/store";

/** What an API answered by itself, as it tells it. */
export function auditHandler({ audit }: Pick<Store, "audit">): RpcHandler {
  return handle(recordAudit, async ({ entryId, at, ...told }, { sender }) => {
    await audit.addOnce({ ...told, sender: sender.user, request: null }, { entryId, at: new Date(at) });
  });
}
