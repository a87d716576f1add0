import { DroverError, isDroverError, mayAct } from "@drover/model";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiDependencies } from "../api-dependencies.ts";
import { decorateWithIdentity } from "../identity.ts";
import { type RouteAccess, routeAccess } from "./policy-table.ts";
import { TokenVerifier } from "./token-verifier.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** From the policy table. */
    access?: RouteAccess;
  }
}

/** Looks again at who was let in before. */
export interface AccessControl {
  /** False once the token of an answer that lasts has expired or was revoked; true while that cannot be found out. */
  isStillLetIn(request: FastifyRequest): Promise<boolean>;
}

/**
 * Lets in who has a token, to what its role may. To be set up before any route: one that is not in the policy table keeps
 * the API from starting. What no route matches needs a token too, so that it tells nobody what there is.
 */
export function controlAccess(app: FastifyInstance, dependencies: ApiDependencies): AccessControl {
  const verifier = new TokenVerifier(dependencies);
  decorateWithIdentity(app);
  app.addHook("onRoute", (route) => {
    const [first = "GET"] = [route.method].flat();
    route.config = { ...route.config, access: routeAccess(first, route.url) };
  });
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.access === "public") return;
    request.identity = await authenticate(verifier, request, reply);
  });
  // Not before all of `onRequest` ran: Nova answers what a role may not with its version headers.
  app.addHook("preParsing", async (request) => {
    const { access } = request.routeOptions.config;
    if (access !== undefined && access !== "public") requireRole(request, access);
  });
  return {
    isStillLetIn: async (request) => {
      const text = tokenOf(request);
      if (text === undefined) return false;
      try {
        await verifier.verify(text, addressOf(request));
        return true;
      } catch (error) {
        return !isDroverError(error, "unauthenticated");
      }
    },
  };
}

async function authenticate(verifier: TokenVerifier, request: FastifyRequest, reply: FastifyReply) {
  try {
    const text = tokenOf(request);
    if (text === undefined) {
      throw new DroverError("unauthenticated", "this needs a token, as X-Auth-Token or as Authorization: Bearer");
    }
    return await verifier.verify(text, addressOf(request));
  } catch (error) {
    reply.header("WWW-Authenticate", 'Bearer realm="Drover"');
    throw error;
  }
}

/** `X-Auth-Token`, as OpenStack's clients have it, before `Authorization: Bearer`. */
function tokenOf({ headers }: FastifyRequest): string | undefined {
  const [openStack] = [headers["x-auth-token"] ?? []].flat();
  return openStack ?? /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
}

/** The peer's address; an IPv4 one as such, also where the socket is IPv6's. */
function addressOf({ ip }: FastifyRequest): string {
  return ip.replace(/^::ffff:(?=\d+\.)/, "");
}

function requireRole(request: FastifyRequest, least: Exclude<RouteAccess, "public">): void {
  const { userId, role, tokenId } = request.identity;
  if (mayAct(role, least)) return;
  const what = `${request.method} ${request.routeOptions.url}`;
  throw new DroverError("forbidden", `${what} needs the role ${least}; ${userId}'s token ${tokenId} has ${role}`, {
    details: { role, needs: least },
  });
}
