import type { IncomingHttpHeaders } from "node:http";
import type { RpcContext } from "@drover/bus";

/** Until requests carry an identity, whoever reaches the loopback address is the administrator. */
export const LOCAL_IDENTITY = { userId: "admin", projectId: "admin" } as const;

/** W3C Trace Context, level 1: version, trace, span and flags, of which the ids are not all zero. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What travels with the RPCs of a request. A `traceparent` that is not a valid one is as good as none. */
export function rpcContext(request: { readonly id: string; readonly headers: IncomingHttpHeaders }): RpcContext {
  const { traceparent } = request.headers;
  const trace = typeof traceparent === "string" && TRACEPARENT.test(traceparent) ? { traceparent } : {};
  return { requestId: request.id, ...LOCAL_IDENTITY, ...trace };
}
