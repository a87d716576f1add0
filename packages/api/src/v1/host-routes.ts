import { hostDeparturesView, hostMigrationPreflight, hostView } from "@drover/contracts";
import { viewHost } from "@drover/fleet";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { hostParams } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/hosts` */
export function hostRoutes(app: V1App, { fleet, dependencies }: V1Context): void {
  app.get(
    "/hosts",
    {
      schema: {
        operationId: "listHosts",
        tags: ["hosts"],
        summary: "All hosts, by name",
        response: { 200: z.object({ hosts: z.array(hostView) }), ...errorAnswers },
      },
    },
    async () => ({ hosts: (await fleet.hosts()).map(viewHost) }),
  );

  app.get(
    "/hosts/:host/migration-preflight",
    {
      schema: {
        operationId: "preflightHost",
        tags: ["hosts"],
        summary: "Which of its servers could move elsewhere, and why the others cannot; nothing is claimed or changed",
        params: hostParams,
        response: { 200: hostDeparturesView, ...errorAnswers },
      },
    },
    async (request) =>
      askConductor(dependencies, hostMigrationPreflight, { host: request.params.host }, rpcContext(request)),
  );
}
