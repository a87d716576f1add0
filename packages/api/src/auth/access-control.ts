import { DroverError, isDroverError, isOwnToken, mayAct } from "@drover/model";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiDependencies } from "../api-dependencies.ts";
import type { ApiAudit } from "../audit/api-audit.ts";
import { decorateWithIdentity, type Identity } from "../identity.ts";
import { Allowance, tooMany } from "./allowance.ts";
import type { IdentitySource } from "./identity-source.ts";
import { KeystoneClient } from "./keystone/keystone-client.ts";
import { KeystoneVerifier } from "./keystone/keystone-verifier.ts";
import { type RouteAccess, routeAccess } from "./policy-table.ts";
import { remoteAddressOf } from "./remote-address.ts";
import { TokenVerifier } from "./token-verifier.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** From the policy table. */
    access?: RouteAccess;
  }
}

/** Tries with a token that is not known: so many at once from an address, then one in three seconds. */
const TRIES = { burst: 20, perSecond: 1 / 3, maxKeys: 10_000 } as const;
const MAX_TOKENS = 10_000;

/** Looks again at who was let in before. */
export interface AccessControl {
  /** False once the token of an answer that lasts has expired or was revoked; undefined while that cannot be found out. */
  isStillLetIn(request: FastifyRequest): Promise<boolean | undefined>;
  /** Its token is one of Drover's own, of which no other service is asked. */
  isOwn(request: FastifyRequest): boolean;
}

/**
 * Lets in who has a token, to what its role may. To be set up before any route: one that is not in the policy table keeps
 * the API from starting. What no route matches needs a token too, so that it tells nobody what there is.
 */
export function controlAccess(app: FastifyInstance, dependencies: ApiDependencies, audit: ApiAudit): AccessControl {
  const source = identitySource(app, dependencies);
  const gate = new Gate(source, dependencies);
  decorateWithIdentity(app);
  app.addHook("onRoute", (route) => {
    // Of all its methods the strictest counts; they are the same wherever a route has several.
    const levels = [route.method].flat().map((method) => routeAccess(method, route.url));
    route.config = { ...route.config, access: strictest(levels) };
  });
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.access === "public") return;
    try {
      request.identity = await gate.pass(request);
    } catch (error) {
      sayHowToGoOn(reply, error, dependencies.keystone);
      const httpStatus = isDroverError(error, "unauthenticated") ? 401 : isDroverError(error, "forbidden") ? 403 : null;
      if (isDroverError(error) && httpStatus !== null) {
        audit.guess(request, { outcome: error.code, message: error.message, httpStatus });
      }
      throw error;
    }
  });
  // Not before all of `onRequest` ran: Nova answers what a role may not with its version headers.
  app.addHook("preParsing", async (request) => {
    const { access } = request.routeOptions.config;
    if (access === undefined || access === "public" || mayAct(request.identity.role, access)) return;
    const error = roleForbids(request, access);
    audit.refusal(request, { outcome: error.code, message: error.message, httpStatus: 403 });
    throw error;
  });
  return {
    isStillLetIn: async (request) => {
      const text = tokenOf(request);
      if (text === undefined) return false;
      try {
        await source.verify(text, remoteAddressOf(request));
        return true;
      } catch (error) {
        return isDroverError(error, "unauthenticated") || isDroverError(error, "forbidden") ? false : undefined;
      }
    },
    isOwn: (request) => isOwnToken(tokenOf(request) ?? ""),
  };
}

/** Drover's own tokens, and Keystone's where one is configured. */
function identitySource(app: FastifyInstance, dependencies: ApiDependencies): IdentitySource {
  const { keystone, clock } = dependencies;
  const own = new TokenVerifier(dependencies);
  if (keystone === undefined || keystone.auth_url === null) return own;
  const client = new KeystoneClient({ ...keystone, auth_url: keystone.auth_url }, clock);
  app.addHook("onClose", () => client.close());
  const keystones = new KeystoneVerifier(client, keystone, clock);
  const of = (text: string) => (isOwnToken(text) ? own : keystones);
  return {
    verify: (text, remoteAddress) => of(text).verify(text, remoteAddress),
    remembers: (text) => of(text).remembers(text),
  };
}

/** Who is let in, and how often. */
class Gate {
  readonly #source: IdentitySource;
  readonly #tries: Allowance;
  readonly #requests: Allowance;
  /** What is being looked up, by token and address: the same one many times over is one try. */
  readonly #trying = new Map<string, Promise<Identity>>();

  constructor(source: IdentitySource, { clock, config }: ApiDependencies) {
    const perSecond = config.max_requests_per_second;
    this.#source = source;
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
    // A token that is known to be good goes on behind an address from which others guess.
    const identity = this.#source.remembers(text)
      ? await this.#source.verify(text, address)
      : await this.#tryOnce(text, address);
    const { tokenId } = identity;
    if (this.#requests.take(tokenId)) return identity;
    throw tooMany(`more requests with the token ${tokenId} than one may have`, this.#requests.waitSeconds(tokenId));
  }

  #tryOnce(text: string, address: string): Promise<Identity> {
    const key = `${address} ${text}`;
    const trying = this.#trying.get(key) ?? this.#try(text, address).finally(() => this.#trying.delete(key));
    this.#trying.set(key, trying);
    return trying;
  }

  /** A try is taken before the token is looked at, so that many at once cannot be more than there are; and kept by a guess. */
  async #try(text: string, address: string): Promise<Identity> {
    if (!this.#tries.take(address)) {
      throw tooMany(`too many tries from ${address} with tokens that are not known`, this.#tries.waitSeconds(address));
    }
    let isGuess = false;
    try {
      return await this.#source.verify(text, address);
    } catch (error) {
      isGuess = isDroverError(error, "unauthenticated") && error.details.tokenId === undefined;
      throw error;
    } finally {
      if (!isGuess) this.#tries.giveBack(address);
    }
  }
}

/** What is asked of a route that has several methods. */
function strictest(levels: readonly RouteAccess[]): RouteAccess {
  const order: readonly RouteAccess[] = ["public", "reader", "operator", "admin"];
  return order[Math.max(...levels.map((level) => order.indexOf(level)))] ?? "admin";
}

/** `X-Auth-Token`, as OpenStack's clients have it, before `Authorization: Bearer`. */
function tokenOf({ headers }: FastifyRequest): string | undefined {
  const [openStack] = [headers["x-auth-token"] ?? []].flat();
  return openStack ?? /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
}

function sayHowToGoOn(reply: FastifyReply, error: unknown, keystone: ApiDependencies["keystone"]): void {
  if (isDroverError(error, "unauthenticated")) {
    const uri = keystone?.www_authenticate_uri ?? keystone?.auth_url;
    // As keystonemiddleware says it.
    const alternative = uri === undefined || uri === null ? "" : `, Keystone uri="${uri}"`;
    reply.header("WWW-Authenticate", `Bearer realm="Drover"${alternative}`);
  }
  if (isDroverError(error, "too-many-requests")) reply.header("Retry-After", String(error.details.retryAfterSeconds));
}

function roleForbids(request: FastifyRequest, least: Exclude<RouteAccess, "public">): DroverError {
  const { userId, role, tokenId } = request.identity;
  const what = `${request.method} ${request.routeOptions.url}`;
  return new DroverError("forbidden", `${what} needs the role ${least}; ${userId}'s token ${tokenId} has ${role}`, {
    details: { role, needs: least },
  });
}
