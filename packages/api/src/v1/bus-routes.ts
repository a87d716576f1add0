import type { ParkedMessage, Release } from "@drover/bus";
import { errorChain, errorCodeOf } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { errorReply } from "./error-reply.ts";
import { type ParkedView, parkedParams, parkedQuery, parkedView, releasedAnswer } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

/** `/v1/bus`: messages that servers gave up on. */
export function busRoutes(app: V1App, { dependencies, audit }: V1Context): void {
  const { bus, logger } = dependencies;
  /** No conductor comes to know of it. */
  const release = async (request: FastifyRequest, id: string, how: Release) => {
    const resource = `parked message ${id}`;
    try {
      await bus.releaseParked(id, how);
    } catch (error) {
      const { status } = errorReply(error, request.id);
      audit.record(request, { outcome: errorCodeOf(error), message: errorChain(error), httpStatus: status, resource });
      throw error;
    }
    audit.record(request, { outcome: "ok", message: null, httpStatus: 200, resource });
  };

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
      await release(request, id, "send-again");
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
      await release(request, id, "discard");
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
