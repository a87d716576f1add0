import type { RpcContext, RpcInfo } from "./bus.ts";
import { contextFromWire, type RequestEnvelope } from "./envelope.ts";
import type { Sender } from "./sender.ts";

/** What a handler is told about its request. Few handlers look at everything, so the costly is made when asked for. */
export class RunningRequest implements RpcInfo {
  readonly sender: Sender;
  readonly fromControlPlane: boolean;
  readonly #wireContext: RequestEnvelope["context"];
  #context: RpcContext | undefined;
  #abort: AbortController | undefined;
  #abortedBy: { readonly reason: unknown } | undefined;

  constructor(request: RequestEnvelope, sender: Sender, fromControlPlane: boolean) {
    this.#wireContext = request.context;
    this.sender = sender;
    this.fromControlPlane = fromControlPlane;
  }

  get context(): RpcContext {
    this.#context ??= contextFromWire(this.#wireContext);
    return this.#context;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortedBy !== undefined) this.#abort.abort(this.#abortedBy.reason);
    }
    return this.#abort.signal;
  }

  abort(reason: unknown): void {
    this.#abortedBy ??= { reason };
    this.#abort?.abort(reason);
  }
}
