import { abortMigration, forceCompleteMigration } from "@drover/contracts";
import { DroverError, IN_PROGRESS, MIGRATION_STATES, type MigrationState, SHOWN_STATUS, TERMINAL } from "@drover/model";
import type { MigrationFilter } from "@drover/store";
import { z } from "zod";
import { isUuid } from "../fleet.ts";
import { LOCAL_IDENTITY, rpcContext } from "../identity.ts";
import {
  logEntryView,
  type MigrationQuery,
  migrationParams,
  migrationQuery,
  migrationView,
  requestAnswer,
} from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";
import { viewLogEntry, viewMigration } from "./views.ts";

/** `/v1/migrations` */
export function migrationRoutes(app: V1App, context: V1Context): void {
  const { fleet, readProgress, dependencies } = context;
  const { store, bus } = dependencies;

  app.get(
    "/migrations",
    {
      schema: {
        operationId: "listMigrations",
        tags: ["migrations"],
        summary: "Migrations, the newest first",
        querystring: migrationQuery,
        response: { 200: z.object({ migrations: z.array(migrationView) }), ...errorAnswers },
      },
    },
    async (request) => {
      const migrations = await store.migrations.list(await filterOf(request.query, context));
      const progress = await readProgress(migrations);
      return { migrations: migrations.map((migration) => viewMigration(migration, progress.get(migration.uuid))) };
    },
  );

  app.get(
    "/migrations/:migration",
    {
      schema: {
        operationId: "getMigration",
        tags: ["migrations"],
        summary: "One migration, with what happened to it",
        params: migrationParams,
        response: { 200: z.object({ migration: migrationView, log: z.array(logEntryView) }), ...errorAnswers },
      },
    },
    async (request) => {
      const migration = await fleet.findMigration(request.params.migration);
      const [progress, log] = await Promise.all([readProgress([migration]), store.migrations.readLog(migration.uuid)]);
      return { migration: viewMigration(migration, progress.get(migration.uuid)), log: log.map(viewLogEntry) };
    },
  );

  for (const { path, operationId, summary, contract } of [
    {
      path: "/migrations/:migration/force-complete",
      operationId: "forceCompleteMigration",
      summary: "Complete it whatever the standstill",
      contract: forceCompleteMigration,
    },
    {
      path: "/migrations/:migration/abort",
      operationId: "abortMigration",
      summary: "Call it off; the answer says that this is recorded, not that it is over",
      contract: abortMigration,
    },
  ]) {
    app.post(
      path,
      {
        schema: {
          operationId,
          tags: ["migrations"],
          summary,
          params: migrationParams,
          response: { 202: requestAnswer, ...errorAnswers },
        },
      },
      async (request, reply) => {
        const { uuid } = await fleet.findMigration(request.params.migration);
        const answer = await bus.call(
          contract,
          { migrationUuid: uuid, requestedBy: LOCAL_IDENTITY.userId },
          { context: rpcContext(request) },
        );
        return reply.code(202).send(answer);
      },
    );
  }
}

async function filterOf(query: MigrationQuery, { fleet }: V1Context): Promise<MigrationFilter> {
  const { server, status, host, active, limit, marker } = query;
  const states = statesOf(status, active);
  return {
    ...(server === undefined ? {} : { serverUuid: isUuid(server) ? server : (await fleet.findServer(server)).uuid }),
    ...(states === undefined ? {} : { states }),
    ...(host === undefined ? {} : { host }),
    ...(limit === undefined ? {} : { limit }),
    ...(marker === undefined ? {} : { marker: isUuid(marker) ? marker : (await fleet.findMigration(marker)).uuid }),
  };
}

function statesOf(status: string | undefined, active: "true" | "false" | undefined): MigrationState[] | undefined {
  if (status === undefined && active === undefined) return undefined;
  const wanted = MIGRATION_STATES.filter(
    (state) => status === undefined || state === status || SHOWN_STATUS[state] === status,
  );
  if (wanted.length === 0) {
    const known = [...new Set([...MIGRATION_STATES, ...Object.values(SHOWN_STATUS)])].join(", ");
    throw new DroverError("bad-request", `status: ${status} is none of ${known}`, { details: { status } });
  }
  if (active === undefined) return wanted;
  return wanted.filter((state) => (active === "true" ? IN_PROGRESS : TERMINAL).has(state));
}
