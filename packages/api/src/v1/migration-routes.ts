import type { CallContract } from "@drover/bus";
import {
  abortMigration,
  forceCompleteMigration,
  migrationDetail,
  migrationView,
  progressHistoryView,
  requestAnswer,
  resumeMigration,
  setMigrationPriority,
  tuneMigration,
} from "@drover/contracts";
import { mayAct } from "@drover/model";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { forceCompleteRequest, migrationParams, migrationQuery, priorityRequest, tuneRequest } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/migrations` */
export function migrationRoutes(app: V1App, context: V1Context): void {
  const { fleet, migrations, readHistory } = context;

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

  app.get(
    "/migrations/:migration/progress-history",
    {
      schema: {
        operationId: "getProgressHistory",
        tags: ["migrations"],
        summary: "How its copy went so far, or went: points for a chart",
        params: migrationParams,
        response: { 200: progressHistoryView, ...errorAnswers },
      },
    },
    async (request) => readHistory(await fleet.findMigration(request.params.migration)),
  );

  requestRoute(app, context, {
    path: "force-complete",
    operationId: "forceCompleteMigration",
    summary: "Complete it whatever the standstill; `expectedStandstill` of the migration says what that is",
    body: forceCompleteRequest,
    contract: forceCompleteMigration,
  });
  requestRoute(app, context, {
    path: "abort",
    operationId: "abortMigration",
    summary: "Call it off; the answer says that this is recorded, not that it is over",
    contract: abortMigration,
  });
  requestRoute(app, context, {
    path: "tune",
    operationId: "tuneMigration",
    summary: "Change bandwidth or allowed standstill while it runs; `tuning.answer` says what became of it",
    body: tuneRequest,
    contract: tuneMigration,
  });
  requestRoute(app, context, {
    path: "priority",
    operationId: "setMigrationPriority",
    summary: "Give one that is queued another priority, and with it another place among those that wait",
    body: priorityRequest,
    contract: setMigrationPriority,
  });
  requestRoute(app, context, {
    path: "resume",
    operationId: "resumeMigration",
    summary: "Resume a post-copy whose link broke; `resume.answer` says what became of it",
    contract: resumeMigration,
  });
}

interface RequestRoute<Asked> {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  /** What may be said beside the migration; absent where nothing is. */
  readonly body?: z.ZodObject;
  readonly contract: CallContract<Asked, z.output<typeof requestAnswer>>;
}

/** A request about one migration: recorded and answered at once, carried out by the conductor. */
function requestRoute<Asked>(app: V1App, { fleet, dependencies }: V1Context, route: RequestRoute<Asked>): void {
  const { operationId, summary, body, contract } = route;
  app.post(
    `/migrations/:migration/${route.path}`,
    {
      schema: {
        operationId,
        tags: ["migrations"],
        summary,
        params: migrationParams,
        ...(body === undefined ? {} : { body: body.safeParse({}).success ? body.nullish() : body }),
        response: { 202: requestAnswer, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { uuid } = await fleet.findMigration(request.params.migration);
      const named = body === undefined ? {} : body.parse(request.body ?? {});
      const { userId: requestedBy, role } = request.identity;
      const asked = contract.request.parse({
        ...named,
        migrationUuid: uuid,
        asAdmin: mayAct(role, "admin"),
        requestedBy,
      });
      return reply.code(202).send(await askConductor(dependencies, contract, asked, rpcContext(request)));
    },
  );
}
