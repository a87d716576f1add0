import type { ParkedMessage } from "@drover/bus";
import { z } from "zod";
import { type ParkedView, parkedParams, parkedQuery, parkedView, releasedAnswer } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/bus`: messages that servers gave up on. */
export function busRoutes(app: V1App, { dependencies }: V1Context): void {
  const { bus, logger } = dependencies;

  app.get(
    "/bus/parked",
    {
      schema: {
        operationId: "listParked",
        tags: ["bus"],
        summary: "Messages that servers gave up on, the oldest first",
        querystring: parkedQuery,
        response: { 200: z.object({ parked: z.array(parkedView) }), ...errorAnswers },
      },
    },
    async (request) => ({ parked: (await bus.listParked(request.query.limit)).map(viewParked) }),
  );

  app.post(
    "/bus/parked/:id/send-again",
    {
      schema: {
        operationId: "sendParkedAgain",
        tags: ["bus"],
        summary: "Send it to its queue again, as new",
        params: parkedParams,
        response: { 200: releasedAnswer, ...errorAnswers },
      },
    },
    async (request) => {
      const { id } = request.params;
      await bus.releaseParked(id, "send-again");
      logger.info({ requestId: request.id, parkedId: id }, "a parked message was sent again");
      return { id, released: "sent-again" as const };
    },
  );

  app.delete(
    "/bus/parked/:id",
    {
      schema: {
        operationId: "discardParked",
        tags: ["bus"],
        summary: "Throw it away",
        params: parkedParams,
        response: { 200: releasedAnswer, ...errorAnswers },
      },
    },
    async (request) => {
      const { id } = request.params;
      await bus.releaseParked(id, "discard");
      logger.info({ requestId: request.id, parkedId: id }, "a parked message was thrown away");
      return { id, released: "discarded" as const };
    },
  );
}

function viewParked({ parkedAtMs, reason, ...message }: ParkedMessage): ParkedView {
  const { code, message: text, details } = reason;
  return {
    ...message,
    reason: { code, message: text, details: { ...details } },
    parkedAt: new Date(parkedAtMs).toISOString(),
  };
}
