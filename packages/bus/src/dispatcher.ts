import type { RpcHandler, RpcInfo } from "./bus.ts";
import type { RequestEnvelope } from "./envelope.ts";
import { dispatchRefusal } from "./failure.ts";
import { admit, isControlPlane, type Sender, type Trust } from "./sender.ts";
import { checkResponse } from "./validation.ts";

interface Endpoint {
  readonly handler: RpcHandler;
  readonly namespace: string | undefined;
  readonly version: Version;
}

interface Version {
  readonly major: number;
  readonly minor: number;
}

/** Finds the handler of a request by namespace, version and method, as oslo.messaging's dispatcher does. */
export class Dispatcher {
  readonly #endpoints: readonly Endpoint[];
  readonly #byMethod = new Map<string, Endpoint[]>();
  readonly #trust: Trust;

  constructor(handlers: readonly RpcHandler[], trust: Trust) {
    this.#trust = trust;
    this.#endpoints = handlers.map((handler) => {
      const { namespace, version } = handler.contract;
      return { handler, namespace, version: parseVersion(version) };
    });
    for (const endpoint of this.#endpoints) {
      const { method } = endpoint.handler.contract;
      this.#byMethod.set(method, [...(this.#byMethod.get(method) ?? []), endpoint]);
    }
  }

  /**
   * A method that the request's namespace lacks is unknown, if the namespace has its version at all. Otherwise the
   * version is what is not supported; so it is, as with oslo, for a namespace that nothing here has.
   *
   * @throws {DroverError} `bad-request` with `details.reason` `no-such-method` or `unsupported-version`, or the
   * request's own fault.
   */
  find(request: RequestEnvelope): RpcHandler {
    const { method, namespace, fault } = request;
    if (fault !== undefined) throw fault;
    const asked = parseVersion(request.version);
    const named = this.#byMethod.get(method)?.filter((endpoint) => endpoint.namespace === namespace) ?? [];
    const found = named.find(({ version }) => serves(version, asked));
    if (found !== undefined) return found.handler;
    const fits = (endpoint: Endpoint) => endpoint.namespace === namespace && serves(endpoint.version, asked);
    const unknownMethod = named.length === 0 && this.#endpoints.some(fits);
    throw dispatchRefusal(unknownMethod ? "no-such-method" : "unsupported-version", method, request.version);
  }

  /** Whether repeating it changes nothing; so it is with what no handler takes. */
  isIdempotent(request: RequestEnvelope): boolean {
    try {
      return this.find(request).contract.idempotent;
    } catch {
      return true;
    }
  }

  /** What the context of its request says of a token can be believed. */
  isControlPlane({ user }: Sender): boolean {
    return isControlPlane(user, this.#trust);
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
    // Stock clients cast what only reads: nobody waits for the response.
    if (contract.kind === "cast" || request.reply === undefined) return null;
    return checkResponse(contract, response, "internal");
  }
}

/** What is no `major.minor` is a version that nothing serves. */
function parseVersion(version: string): Version {
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(version) ?? [];
  return { major: Number(major), minor: Number(minor) };
}

/** Same major, and a minor no newer than ours. */
function serves(ours: Version, asked: Version): boolean {
  return asked.major === ours.major && asked.minor <= ours.minor;
}
