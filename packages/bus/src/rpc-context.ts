import { AsyncLocalStorage } from "node:async_hooks";
import type { RpcContext, RpcInfo } from "./bus.ts";

const storage = new AsyncLocalStorage<RpcInfo>();

/** Runs a handler; what it calls and casts meanwhile goes out with the same request id and trace, unless told otherwise. */
export function runInContext<Result>(info: RpcInfo, work: () => Result): Result {
  return storage.run(info, work);
}

/** Context of the request being handled; undefined outside a handler. */
export function currentContext(): RpcContext | undefined {
  return storage.getStore()?.context;
}
