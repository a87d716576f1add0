import { auditView } from "@drover/contracts";
import { viewAudit } from "@drover/fleet";
import { z } from "zod";
import { auditQuery } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `GET /v1/audit` */
export function auditRoutes(app: V1App, { dependencies }: V1Context): void {
  app.get(
    "/audit",
    {
      schema: {
        operationId: "listAudit",
        tags: ["audit"],
        summary: "Who asked for what, from where, and what came of it; the newest first",
        querystring: auditQuery,
        response: { 200: z.object({ entries: z.array(auditView) }), ...errorAnswers },
      },
    },
    async (request) => {
      const { user, token, since, before, ...rest } = request.query;
      const entries = await dependencies.store.audit.list({
        ...rest,
        ...(user === undefined ? {} : { userId: user }),
        ...(token === undefined ? {} : { tokenId: token }),
        ...(since === undefined ? {} : { since: new Date(since) }),
        ...(before === undefined ? {} : { before: new Date(before) }),
      });
      return { entries: entries.map(viewAudit) };
    },
  );
}
