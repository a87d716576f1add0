import {
  liveMigrateInstance,
  migrationPreflight,
  migrationPreflightView,
  migrationView,
  serverSettings,
  serverView,
  updateServer,
} from "@drover/contracts";
import { type QueuePlace, queuePlaces, viewMigration, viewServer } from "@drover/fleet";
import { DroverError, type Migration, mayAct } from "@drover/model";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { migrateRequest, preflightQuery, serverParams, serverQuery } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/servers` */
export function serverRoutes(app: V1App, context: V1Context): void {
  const { fleet, dependencies, patterns } = context;

  app.get(
    "/servers",
    {
      schema: {
        operationId: "listServers",
        tags: ["servers"],
        summary: "All servers, by name",
        querystring: serverQuery,
        response: { 200: z.object({ servers: z.array(serverView) }), ...errorAnswers },
      },
    },
    async (request) => {
      const { name, host } = request.query;
      const servers = await fleet.servers({ host });
      const all = [...new Set(servers.map((server) => server.name))];
      const names = name === undefined ? undefined : patterns.matching(all, name, request.identity.tokenId);
      const chosen = servers.filter((server) => names === undefined || names.has(server.name));
      return { servers: chosen.map(viewServer) };
    },
  );

  app.get(
    "/servers/:server",
    {
      schema: {
        operationId: "getServer",
        tags: ["servers"],
        summary: "One server",
        params: serverParams,
        response: { 200: z.object({ server: serverView }), ...errorAnswers },
      },
    },
    async (request) => ({ server: viewServer(await fleet.findServer(request.params.server)) }),
  );

  app.patch(
    "/servers/:server",
    {
      schema: {
        operationId: "updateServer",
        tags: ["servers"],
        summary: "Set the zone that it is to stay in when it is moved, lock it or unlock it",
        params: serverParams,
        body: serverSettings,
        response: { 200: z.object({ server: serverView }), ...errorAnswers },
      },
    },
    async (request) => {
      const asAdmin = mayAct(request.identity.role, "admin");
      const asked = { ...request.params, settings: request.body, asAdmin, requestedBy: request.identity.userId };
      return await askConductor(dependencies, updateServer, asked, rpcContext(request));
    },
  );

  app.get(
    "/servers/:server/migration-preflight",
    {
      schema: {
        operationId: "preflightServer",
        tags: ["servers"],
        summary: "Could it move, and where to? Every check of every host; nothing is claimed or changed",
        params: serverParams,
        querystring: preflightQuery,
        response: { 200: migrationPreflightView, ...errorAnswers },
      },
    },
    async (request) =>
      askConductor(
        dependencies,
        migrationPreflight,
        { server: request.params.server, host: request.query.host ?? null },
        rpcContext(request),
      ),
  );

  app.post(
    "/servers/:server/migrations",
    {
      schema: {
        operationId: "migrateServer",
        tags: ["servers"],
        summary: "Start a live migration; the answer tells how it stands, everything after happens by itself",
        params: serverParams,
        body: migrateRequest.nullish(),
        response: { 202: z.object({ migration: migrationView }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const server = await fleet.findServer(request.params.server);
      const { migrationUuid } = await askConductor(
        dependencies,
        liveMigrateInstance,
        {
          serverUuid: server.uuid,
          host: request.body?.host ?? null,
          blockMigration: request.body?.blockMigration ?? null,
          priority: request.body?.priority ?? 0,
          policy: request.body?.policy,
          asAdmin: mayAct(request.identity.role, "admin"),
          requestedBy: request.identity.userId,
          projectId: request.identity.projectId,
        },
        rpcContext(request),
      );
      const migration = await readAccepted(context, migrationUuid);
      // The place is for people: without it the request is accepted all the same.
      const places = await queuePlaces(dependencies.store, [migration]).catch(() => new Map<string, QueuePlace>());
      return reply.code(202).send({ migration: viewMigration(migration, undefined, places.get(migrationUuid)) });
    },
  );
}

/** The migration goes on whether or not its record can be read back now: the error says so. */
async function readAccepted({ dependencies }: V1Context, uuid: string): Promise<Migration> {
  const message = `the migration was accepted as ${uuid}, but its record cannot be read now; ask for it again later`;
  const options = { details: { migrationUuid: uuid } };
  const migration = await dependencies.store.migrations.get(uuid).catch((cause: unknown) => {
    throw new DroverError("unavailable", message, { ...options, cause });
  });
  if (migration === undefined) throw new DroverError("unavailable", message, options);
  return migration;
}
