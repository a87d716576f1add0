import { liveMigrateInstance } from "@drover/contracts";
import type { KnownServer } from "@drover/fleet";
import { isActive, isDroverError } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { askConductor } from "../ask-conductor.ts";
import { LOCAL_IDENTITY, rpcContext } from "../identity.ts";
import { parseMigrateLive } from "./migrate-live-body.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { requireServer } from "./server-routes.ts";
import { isMigrating, novaServerState } from "./server-status.ts";

/** Nova's actions that exist but are not served: a client is told so, rather than that it made them up. */
const notServed = new Set(
  (
    "addFixedIp addFloatingIp addSecurityGroup changePassword createBackup createImage evacuate forceDelete " +
    "injectNetworkInfo lock migrate os-getConsoleOutput os-getRDPConsole os-getSerialConsole os-getSPICEConsole " +
    "os-getVNCConsole os-resetState os-start os-stop pause reboot rebuild removeFixedIp removeFloatingIp " +
    "removeSecurityGroup rescue resetNetwork resize restore resume shelve shelveOffload suspend trigger_crash_dump " +
    "unlock unpause unrescue unshelve"
  ).split(" "),
);

/** The one key of an action's body. @throws {NovaFault} 400 */
export function actionName(body: unknown): string {
  const keys = typeof body === "object" && body !== null && !Array.isArray(body) ? Object.keys(body) : [];
  const [name] = keys;
  if (name === undefined || keys.length !== 1) throw new NovaFault(400, "Malformed request body");
  return name;
}

/** `POST /servers/{id}/action` */
export const serverActions: NovaRoutes = (app, context) => {
  app.post<{ Params: { id: string } }>("/servers/:id/action", async (request, reply) => {
    const action = actionName(request.body);
    switch (action) {
      case "os-migrateLive":
        await migrateLive(request, request.params.id, context);
        return reply.code(202).send();
      case "confirmResize":
      case "revertResize": {
        // No server is ever resized here, so this is the whole truth.
        const server = await requireServer(context, request.params.id);
        throw invalidState(action, server.uuid, `vm_state ${novaServerState(server).vmState}`);
      }
      default:
        if (!notServed.has(action)) throw new NovaFault(400, `There is no such action: ${action}`);
        await requireServer(context, request.params.id);
        throw new NovaFault(
          400,
          `The action ${action} is not served by Drover; it moves running servers (os-migrateLive).`,
        );
    }
  });
};

/**
 * What is already known to be refused is refused here in Nova's words; the conductor decides the rest, and decides again.
 * Below 2.34 Nova also answers the pre-checks here; Drover answers 202 and records their result, at every version.
 */
async function migrateLive(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const wanted = parseMigrateLive(request.body, request.novaMinor);
  const server = await requireServer(context, id);
  requireMovable(server);
  if (wanted.host !== null && (await context.dependencies.store.hosts.get(wanted.host)) === undefined) {
    throw unknownHost(wanted.host);
  }
  try {
    await askConductor(
      context.dependencies,
      liveMigrateInstance,
      {
        serverUuid: server.uuid,
        host: wanted.host,
        blockMigration: wanted.blockMigration,
        requestedBy: LOCAL_IDENTITY.userId,
        projectId: LOCAL_IDENTITY.projectId,
      },
      rpcContext(request),
    );
  } catch (error) {
    throw refusalInNovasWords(error, id, wanted.host);
  }
}

/** The conductor decided otherwise than we did a moment ago, or knew more. */
function refusalInNovasWords(error: unknown, id: string, host: string | null): unknown {
  if (!isDroverError(error)) return error;
  const { code, details } = error;
  if (code === "conflict" || (code === "refused" && "migrationUuid" in details)) {
    return invalidState("os-migrateLive", id, "task_state migrating");
  }
  if (code === "not-found" && host !== null && details.host === host) return unknownHost(host);
  // What was asked for cannot be done in any state of the server: that is the request's fault.
  if (code === "refused" && "field" in details) return new NovaFault(400, error.message, { cause: error });
  return error;
}

function requireMovable(server: KnownServer): void {
  if (isMigrating(server)) throw invalidState("os-migrateLive", server.uuid, "task_state migrating");
  if (server.runsTwice.length > 0 || !isActive(server.powerState) || server.migration !== null) {
    throw invalidState("os-migrateLive", server.uuid, `vm_state ${novaServerState(server).vmState}`);
  }
}

function invalidState(action: string, id: string, state: string): NovaFault {
  return new NovaFault(409, `Cannot '${action}' instance ${id} while it is in ${state}`);
}

function unknownHost(host: string): NovaFault {
  return new NovaFault(400, `Compute host ${host} could not be found.`);
}
