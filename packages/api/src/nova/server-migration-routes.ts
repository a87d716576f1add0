import { abortMigration, forceCompleteMigration } from "@drover/contracts";
import type { KnownServer } from "@drover/fleet";
import { isDroverError, type Migration, mayAct, SHOWN_STATUS } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { requireSince, SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseBody } from "./nova-validation.ts";
import { actionName } from "./server-actions.ts";
import { refuseLocked } from "./server-faults.ts";
import { isListed, serverMigrationView } from "./server-migration-view.ts";
import { requireServer } from "./server-routes.ts";
import { isMigrating } from "./server-status.ts";

const forceCompleteBody = z.strictObject({ force_complete: z.null() });

interface Params {
  readonly id: string;
  readonly migrationId: string;
}

/** Nova's words for the two requests, and its oddity: a migration that is not there is 400 for one, 404 for the other. */
const requests = {
  forceComplete: { contract: forceCompleteMigration, inState: "force_complete", verb: "force complete", notFound: 400 },
  abort: {
    contract: abortMigration,
    inState: "abort live migration",
    verb: "abort live migration",
    notFound: 404,
  },
} as const;

/** `/servers/{id}/migrations` */
export const serverMigrationRoutes: NovaRoutes = (app, context) => {
  app.get<{ Params: Pick<Params, "id"> }>("/servers/:id/migrations", async (request) => {
    requireSince(request.novaMinor, SINCE.serverMigrations);
    const server = await requireServer(context, request.params.id);
    const migrations = server.migration !== null && isListed(server.migration) ? [server.migration] : [];
    const progress = await context.readProgress(migrations);
    return {
      migrations: migrations.map((migration) =>
        serverMigrationView(migration, progress.get(migration.uuid), request.novaMinor),
      ),
    };
  });

  app.get<{ Params: Params }>("/servers/:id/migrations/:migrationId", async (request) => {
    requireSince(request.novaMinor, SINCE.serverMigrations);
    const { id, migrationId } = request.params;
    const migration = await migrationOfServer(context, request.params);
    // A server is known by its migration. It is asked for where there is none: then it may be unknown too.
    if (migration === undefined || !isListed(migration)) await requireServer(context, id);
    if (migration === undefined) {
      throw new NovaFault(404, `In-progress live migration ${migrationId} is not found for server ${id}.`);
    }
    if (!isListed(migration)) {
      throw new NovaFault(404, `Live migration ${migrationId} for server ${id} is not in progress.`);
    }
    const progress = await context.readProgress([migration]);
    return { migration: serverMigrationView(migration, progress.get(migration.uuid), request.novaMinor) };
  });

  app.post<{ Params: Params }>("/servers/:id/migrations/:migrationId/action", async (request, reply) => {
    requireSince(request.novaMinor, SINCE.forceComplete);
    const action = actionName(request.body);
    if (action !== "force_complete") throw new NovaFault(400, `There is no such action: ${action}`);
    parseBody(forceCompleteBody, request.body);
    await ask("forceComplete", request, request.params, context);
    return reply.code(202).send();
  });

  app.delete<{ Params: Params }>("/servers/:id/migrations/:migrationId", async (request, reply) => {
    requireSince(request.novaMinor, SINCE.abort);
    await ask("abort", request, request.params, context);
    return reply.code(202).send();
  });
};

async function migrationOfServer(context: NovaContext, { id, migrationId }: Params): Promise<Migration | undefined> {
  const migration = await context.fleet.migration(migrationId);
  return migration?.serverUuid === id ? migration : undefined;
}

/** Nova looks at the server's state first, then for the migration, then at the migration's state. */
async function ask(
  what: keyof typeof requests,
  request: FastifyRequest,
  params: Params,
  context: NovaContext,
): Promise<void> {
  const { contract, inState, verb, notFound } = requests[what];
  const server = await requireServer(context, params.id);
  const asAdmin = mayAct(request.identity.role, "admin");
  refuseLocked(server, asAdmin);
  const invalidState = new NovaFault(409, `Instance ${params.id} is in an invalid state for '${inState}'`);
  if (!isMigrating(server)) throw invalidState;
  if (what === "forceComplete" && isCopiedPaused(server)) throw invalidState;
  const migration = await migrationOfServer(context, params);
  if (migration === undefined) {
    throw new NovaFault(notFound, `Migration ${params.migrationId} not found for instance ${params.id}`);
  }
  const tooEarly = migration.state === "queued" || migration.state === "preparing";
  if (what === "abort" && tooEarly && request.novaMinor < SINCE.abortQueued)
    throw invalidMigrationState(migration, verb);
  try {
    await askConductor(
      context.dependencies,
      contract,
      { migrationUuid: migration.uuid, asAdmin, requestedBy: request.identity.userId },
      rpcContext(request),
    );
  } catch (error) {
    if (isDroverError(error, "refused")) throw invalidMigrationState(migration, verb, error.message);
    throw error;
  }
}

/** Nova forces no server that was paused before: its copy converges by itself. One that the force has paused is another matter. */
function isCopiedPaused({ powerState, migration }: KnownServer): boolean {
  return powerState === "paused" && migration?.state === "running" && migration.forceCompleteRequestedAt === null;
}

function invalidMigrationState(migration: Migration, verb: string, reason?: string): NovaFault {
  const message =
    `Migration ${migration.id} state of instance ${migration.serverUuid} is ${SHOWN_STATUS[migration.state]}. ` +
    `Cannot ${verb} while the migration is in this state.`;
  return new NovaFault(400, reason === undefined ? message : `${message} (${reason})`);
}
