import type { IncomingHttpHeaders } from "node:http";
import { isTraceparent, type RpcContext } from "@drover/bus";
import { DroverError, type Role } from "@drover/model";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Who asks: what the token of a request says, and where it came from. */
export interface Identity {
  /** The token's name: what records have as who asked. */
  readonly userId: string;
  readonly projectId: string;
  readonly role: Role;
  readonly tokenId: string;
  /** IP address of the peer. */
  readonly remoteAddress: string;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Of every request that is let in. @throws {DroverError} `internal` on a route that is `public` */
    identity: Identity;
  }
}

/** Gives every request its `identity`, to be set by whoever authenticates it. */
export function decorateWithIdentity(app: FastifyInstance): void {
  const identities = new WeakMap<FastifyRequest, Identity>();
  app.decorateRequest<Identity>("identity", {
    getter() {
      const identity = identities.get(this);
      if (identity === undefined) throw new DroverError("internal", "a public route asked who is there");
      return identity;
    },
    setter(identity) {
      identities.set(this, identity);
    },
  });
}

/** What travels with the RPCs of a request. A `traceparent` that is not a valid one is as good as none. */
export function rpcContext(request: {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly identity: Identity;
}): RpcContext {
  const { traceparent } = request.headers;
  const trace = typeof traceparent === "string" && isTraceparent(traceparent) ? { traceparent } : {};
  return { requestId: request.id, ...request.identity, ...trace };
}
