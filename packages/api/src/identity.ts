import type { RpcContext } from "@drover/bus";

/** Until requests carry an identity, whoever reaches the loopback address is the administrator. */
export const LOCAL_IDENTITY = { userId: "admin", projectId: "admin" } as const;

/** What travels with the RPCs of a request. */
export function rpcContext(request: { readonly id: string }): RpcContext {
  return { requestId: request.id, ...LOCAL_IDENTITY };
}
