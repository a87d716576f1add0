import { hostDeparturesView, hostMigrationPreflight, hostSettings, hostView, updateHost } from "@drover/contracts";
import { viewHost } from "@drover/fleet";
import { DroverError } from "@drover/model";
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

  app.patch(
    "/hosts/:host",
    {
      schema: {
        operationId: "updateHost",
        tags: ["hosts"],
        summary: "Set whether it is chosen for migrations, its maintenance, and how many leave it and come to it",
        params: hostParams,
        body: hostSettings,
        response: { 200: z.object({ host: hostView }), ...errorAnswers },
      },
    },
    async (request) => {
      const { host } = request.params;
      const asked = { host, settings: request.body, requestedBy: request.identity.userId };
      await askConductor(dependencies, updateHost, asked, rpcContext(request));
      const known = (await fleet.hosts()).find(({ facts }) => facts.host === host);
      if (known !== undefined) return { host: viewHost(known) };
      throw new DroverError("not-found", `there is no host ${host}`, { details: { host } });
    },
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
