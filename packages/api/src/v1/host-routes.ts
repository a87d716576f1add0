import { hostView } from "@drover/contracts";
import { viewHost } from "@drover/fleet";
import { z } from "zod";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/hosts` */
export function hostRoutes(app: V1App, { fleet }: V1Context): void {
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
}
