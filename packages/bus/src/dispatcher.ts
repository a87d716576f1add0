import type { RpcHandler, RpcInfo } from "./bus.ts";
import type { RequestEnvelope } from "./envelope.ts";
import { dispatchRefusal } from "./failure.ts";
import { admit, type Trust } from "./sender.ts";
import { checkResponse } from "./validation.ts";

/** Finds the handler of a request by namespace, version and method, as oslo.messaging's dispatcher does. */
export class Dispatcher {
  readonly #handlers: readonly RpcHandler[];
  readonly #byMethod = new Map<string, RpcHandler[]>();
  readonly #trust: Trust;

  constructor(handlers: readonly RpcHandler[], trust: Trust) {
    this.#handlers = handlers;
    this.#trust = trust;
    for (const handler of handlers) {
      const { method } = handler.contract;
      this.#byMethod.set(method, [...(this.#byMethod.get(method) ?? []), handler]);
    }
  }

  /**
   * As oslo: a method that nothing of a fitting namespace and version has is unknown; where nothing fits, the version is
   * what is not supported.
   *
   * @throws {DroverError} `bad-request` with `details.reason` `no-such-method` or `unsupported-version`.
   */
  find(request: RequestEnvelope): RpcHandler {
    const { method, version } = request;
    const named = this.#byMethod.get(method)?.filter(({ contract }) => contract.namespace === request.namespace) ?? [];
    const found = named.find((handler) => fits(handler, request));
    if (found !== undefined) return found;
    const unknownMethod = named.length === 0 && this.#handlers.some((handler) => fits(handler, request));
    throw dispatchRefusal(unknownMethod ? "no-such-method" : "unsupported-version", method, version);
  }

  /**
   * Runs the handler if the sender may ask for it; what it returns has passed the contract's response schema. Rejects
   * with its error, or with `forbidden`.
   */
  async run(request: RequestEnvelope, info: RpcInfo): Promise<unknown> {
    const handler = this.find(request);
    const { contract } = handler;
    const read = handler.read(request.args);
    admit(contract, read.request, info.sender, this.#trust);
    const response = await read.run(info);
    return contract.kind === "call" ? checkResponse(contract, response, "internal") : null;
  }
}

function fits({ contract }: RpcHandler, request: RequestEnvelope): boolean {
  return contract.namespace === request.namespace && serves(contract.version, request.version);
}

/** Same major, and a minor no newer than ours. */
function serves(ours: string, asked: string): boolean {
  const [ourMajor, ourMinor = 0] = ours.split(".").map(Number);
  const [major, minor = 0] = asked.split(".").map(Number);
  return major === ourMajor && minor <= ourMinor;
}
