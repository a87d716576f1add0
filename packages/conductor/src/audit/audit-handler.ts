import { handle, type RpcHandler } from "@drover/bus";
import { recordAudit } from "@drover/contracts";
import type { Store } from "@drover/store";

/** What an API answered by itself, as it tells it. */
export function auditHandler({ audit }: Pick<Store, "audit">): RpcHandler {
  return handle(recordAudit, async (told, { sender }) => {
    await audit.add({ ...told, sender: sender.user, request: null });
  });
}
