import type { RpcHandler, RpcInfo } from "./bus.ts";
import type { RequestEnvelope } from "./envelope.ts";
import { type DispatchRefusal, dispatchRefusal } from "./failure.ts";
import { checkResponse } from "./validation.ts";

/** Finds the handler of a request by method and version, as oslo.messaging's dispatcher does. */
export class Dispatcher {
  readonly #handlers = new Map<string, RpcHandler[]>();

  constructor(handlers: readonly RpcHandler[]) {
    for (const handler of handlers) {
      const { method } = handler.contract;
      this.#handlers.set(method, [...(this.#handlers.get(method) ?? []), handler]);
    }
  }

  /** @throws {DroverError} `bad-request` with `details.reason` `no-such-method` or `unsupported-version`. */
  find(request: RequestEnvelope): RpcHandler {
    const found = this.#handlers.get(request.method) ?? [];
    const refuse = (reason: DispatchRefusal) => dispatchRefusal(reason, request.method, request.version);
    if (found.length === 0) throw refuse("no-such-method");
    const fitting = found.find((handler) => serves(handler.contract.version, request.version));
    if (fitting === undefined) throw refuse("unsupported-version");
    return fitting;
  }

  /** Runs the handler; what it returns has passed the contract's response schema. Rejects with its error. */
  async run(request: RequestEnvelope, info: RpcInfo): Promise<unknown> {
    const { contract, run } = this.find(request);
    const response = await run(request.args, info);
    return contract.kind === "call" ? checkResponse(contract, response, "internal") : null;
  }
}

/** Same major, and a minor no newer than ours. */
function serves(ours: string, asked: string): boolean {
  const [ourMajor, ourMinor = 0] = ours.split(".").map(Number);
  const [major, minor = 0] = asked.split(".").map(Number);
  return major === ourMajor && minor <= ourMinor;
}
