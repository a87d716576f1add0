import {
  abortMigration,
  forceCompleteMigration,
  migrationDetail,
  migrationView,
  requestAnswer,
} from "@drover/contracts";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { LOCAL_IDENTITY, rpcContext } from "../identity.ts";
import { migrationParams, migrationQuery } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/migrations` */
export function migrationRoutes(app: V1App, context: V1Context): void {
  const { fleet, migrations, dependencies } = context;

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
      const { active, ...query } = request.query;
      const list = await migrations.list({ ...query, active: active === undefined ? null : active === "true" });
      return { migrations: list };
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
        response: { 200: migrationDetail, ...errorAnswers },
      },
    },
    async (request) => migrations.detail(request.params.migration),
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
        const answer = await askConductor(
          dependencies,
          contract,
          { migrationUuid: uuid, requestedBy: LOCAL_IDENTITY.userId },
          rpcContext(request),
        );
        return reply.code(202).send(answer);
      },
    );
  }
}
