import { DroverError, isDroverError, mayAct } from "@drover/model";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiDependencies } from "../api-dependencies.ts";
import type { ApiAudit } from "../audit/api-audit.ts";
import { decorateWithIdentity, type Identity } from "../identity.ts";
import { Allowance } from "./allowance.ts";
import { type RouteAccess, routeAccess } from "./policy-table.ts";
import { remoteAddressOf } from "./remote-address.ts";
import { TokenVerifier } from "./token-verifier.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** From the policy table. */
    access?: RouteAccess;
  }
}

/** Tries with a token that does not count: so many at once from an address, then one in three seconds. */
const TRIES = { burst: 20, perSecond: 1 / 3, maxKeys: 10_000 } as const;
const MAX_TOKENS = 10_000;

/** Looks again at who was let in before. */
export interface AccessControl {
  /** False once the token of an answer that lasts has expired or was revoked; undefined while that cannot be found out. */
  isStillLetIn(request: FastifyRequest): Promise<boolean | undefined>;
}

/**
 * Lets in who has a token, to what its role may. To be set up before any route: one that is not in the policy table keeps
 * the API from starting. What no route matches needs a token too, so that it tells nobody what there is.
 */
export function controlAccess(app: FastifyInstance, dependencies: ApiDependencies, audit: ApiAudit): AccessControl {
  const verifier = new TokenVerifier(dependencies);
  const gate = new Gate(verifier, dependencies);
  decorateWithIdentity(app);
  app.addHook("onRoute", (route) => {
    const [first = "GET"] = [route.method].flat();
    route.config = { ...route.config, access: routeAccess(first, route.url) };
  });
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.access === "public") return;
    try {
      request.identity = await gate.pass(request);
    } catch (error) {
      sayHowToGoOn(reply, error);
      if (isDroverError(error, "unauthenticated")) {
        audit.guess(request, { outcome: error.code, message: error.message, httpStatus: 401 });
      }
      throw error;
    }
  });
  // Not before all of `onRequest` ran: Nova answers what a role may not with its version headers.
  app.addHook("preParsing", async (request) => {
    const { access } = request.routeOptions.config;
    if (access === undefined || access === "public" || mayAct(request.identity.role, access)) return;
    const error = roleForbids(request, access);
    audit.record(request, { outcome: error.code, message: error.message, httpStatus: 403, resource: null });
    throw error;
  });
  return {
    isStillLetIn: async (request) => {
      const text = tokenOf(request);
      if (text === undefined) return false;
      try {
        await verifier.verify(text, remoteAddressOf(request));
        return true;
      } catch (error) {
        return isDroverError(error, "unauthenticated") ? false : undefined;
      }
    },
  };
}

/** Who is let in, and how often. */
class Gate {
  readonly #verifier: TokenVerifier;
  readonly #tries: Allowance;
  readonly #requests: Allowance;

  constructor(verifier: TokenVerifier, { clock, config }: ApiDependencies) {
    const perSecond = config.max_requests_per_second;
    this.#verifier = verifier;
    this.#tries = new Allowance({ ...TRIES, clock });
    this.#requests = new Allowance({ burst: perSecond, perSecond, maxKeys: MAX_TOKENS, clock });
  }

  /** @throws {DroverError} `unauthenticated`, `too-many-requests`, or `unavailable` where the database must be asked */
  async pass(request: FastifyRequest): Promise<Identity> {
    const address = remoteAddressOf(request);
    const text = tokenOf(request);
    if (text === undefined) {
      throw new DroverError("unauthenticated", "this needs a token, as X-Auth-Token or as Authorization: Bearer");
    }
    const waitSeconds = this.#tries.waitSeconds(address);
    // Not even looked at, so that a guess learns nothing; a token that was good lately goes on behind the same address.
    if (waitSeconds > 0 && !this.#verifier.remembers(text)) {
      throw tooMany(`too many tries from ${address} with tokens that do not count`, waitSeconds);
    }
    const identity = await this.#verifier.verify(text, address).catch((error: unknown) => {
      if (isDroverError(error, "unauthenticated")) this.#tries.take(address);
      throw error;
    });
    const { tokenId } = identity;
    if (this.#requests.take(tokenId)) return identity;
    throw tooMany(`more requests with the token ${tokenId} than one may have`, this.#requests.waitSeconds(tokenId));
  }
}

/** `X-Auth-Token`, as OpenStack's clients have it, before `Authorization: Bearer`. */
function tokenOf({ headers }: FastifyRequest): string | undefined {
  const [openStack] = [headers["x-auth-token"] ?? []].flat();
  return openStack ?? /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
}

function tooMany(what: string, waitSeconds: number): DroverError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds));
  const message = `${what}: ask again in ${retryAfterSeconds} s`;
  return new DroverError("too-many-requests", message, { details: { retryAfterSeconds } });
}

function sayHowToGoOn(reply: FastifyReply, error: unknown): void {
  if (isDroverError(error, "unauthenticated")) reply.header("WWW-Authenticate", 'Bearer realm="Drover"');
  if (isDroverError(error, "too-many-requests")) reply.header("Retry-After", String(error.details.retryAfterSeconds));
}

function roleForbids(request: FastifyRequest, least: Exclude<RouteAccess, "public">): DroverError {
  const { userId, role, tokenId } = request.identity;
  const what = `${request.method} ${request.routeOptions.url}`;
  return new DroverError("forbidden", `${what} needs the role ${least}; ${userId}'s token ${tokenId} has ${role}`, {
    details: { role, needs: least },
  });
}
