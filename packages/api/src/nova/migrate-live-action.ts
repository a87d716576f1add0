import { liveMigrateInstance, migrationPreflight } from "@drover/contracts";
import type { KnownServer } from "@drover/fleet";
import { isActive, isDroverError, mayAct } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { SINCE } from "./microversion.ts";
import { type MigrateLiveRequest, parseMigrateLive } from "./migrate-live-body.ts";
import type { NovaContext } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { invalidState, refuseLocked } from "./server-faults.ts";
import { requireServer } from "./server-routes.ts";
import { isMigrating, novaServerState } from "./server-status.ts";

/**
 * `os-migrateLive`. What is already known to be refused is refused here in Nova's words; the conductor decides the rest, and
 * decides again. Below 2.34 the pre-checks are made within the request; from there their result is among the instance actions.
 */
export async function migrateLive(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const wanted = parseMigrateLive(request.body, request.novaMinor);
  const server = await requireServer(context, id);
  const asAdmin = mayAct(request.identity.role, "admin");
  refuseLocked(server, asAdmin);
  requireMovable(server);
  if (wanted.host !== null && (await context.dependencies.store.hosts.get(wanted.host)) === undefined) {
    throw unknownHost(wanted.host);
  }
  try {
    if (request.novaMinor < SINCE.checksInBackground) await requirePreChecks(request, server, wanted, context);
    await askConductor(
      context.dependencies,
      liveMigrateInstance,
      {
        serverUuid: server.uuid,
        host: wanted.host,
        blockMigration: wanted.blockMigration,
        asAdmin,
        requestedBy: request.identity.userId,
        projectId: request.identity.projectId,
      },
      rpcContext(request),
    );
  } catch (error) {
    throw refusalInNovasWords(error, id, wanted.host);
  }
}

/** @throws {NovaFault} 400 with why no host can take the server, in one sentence */
async function requirePreChecks(
  request: FastifyRequest,
  { uuid }: KnownServer,
  { host }: MigrateLiveRequest,
  { dependencies }: NovaContext,
): Promise<void> {
  const report = await askConductor(dependencies, migrationPreflight, { server: uuid, host }, rpcContext(request));
  if (!report.canMove) throw new NovaFault(400, `Migration pre-check error: ${report.reason}`);
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

function unknownHost(host: string): NovaFault {
  return new NovaFault(400, `Compute host ${host} could not be found.`);
}
