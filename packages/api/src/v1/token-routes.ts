import { createToken, newToken, revokeToken, tokenId, tokenView } from "@drover/contracts";
import { viewToken } from "@drover/fleet";
import { mintToken } from "@drover/model";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/tokens` */
export function tokenRoutes(app: V1App, { dependencies }: V1Context): void {
  const tags = ["tokens"];
  const path = "/tokens";

  app.get(
    path,
    {
      schema: {
        operationId: "listTokens",
        tags,
        summary: "All tokens that were ever given out, the oldest first; without their secrets",
        response: { 200: z.object({ tokens: z.array(tokenView) }), ...errorAnswers },
      },
    },
    async () => ({ tokens: (await dependencies.store.tokens.list()).map(viewToken) }),
  );

  app.post(
    path,
    {
      schema: {
        operationId: "createToken",
        tags,
        summary: "Make a token; its text is in this answer alone",
        body: newToken,
        response: {
          201: z.object({ token: tokenView, text: z.string().describe("What its holder sends.") }),
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      // Made here, so that the secret goes over no bus.
      const { id, secretHash, text } = mintToken();
      const asked = { id, secretHash, token: request.body, requestedBy: request.identity.userId };
      const { token } = await askConductor(dependencies, createToken, asked, rpcContext(request));
      return reply.code(201).header("Cache-Control", "no-store").send({ token, text });
    },
  );

  app.delete(
    `${path}/:id`,
    {
      schema: {
        operationId: "revokeToken",
        tags,
        summary: "Revoke it: within seconds no API takes it any more; it stays listed",
        params: z.object({ id: tokenId }),
        response: { 200: z.object({ token: tokenView }), ...errorAnswers },
      },
    },
    async (request) => {
      const asked = { id: request.params.id, requestedBy: request.identity.userId };
      return await askConductor(dependencies, revokeToken, asked, rpcContext(request));
    },
  );
}
