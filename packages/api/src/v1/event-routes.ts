import { fleetEvent, migrationEvent } from "@drover/contracts";
import { z } from "zod";
import { lastEventId } from "../events/last-event-id.ts";
import type { EventOpener } from "../events/open-events.ts";
import { migrationParams } from "./schemas.ts";
import { errorAnswers, type V1App } from "./v1-context.ts";

const lastEventIdQuery = z
  .string()
  .max(20)
  .optional()
  .describe("As the header `Last-Event-ID`, for who cannot set it: go on after this event.");

const fleetQuery = z.strictObject({
  lastEventId: lastEventIdQuery,
  progress: z
    .enum(["true", "false"])
    .optional()
    .describe("`true`: the numbers of all copies too, once a second. Default `false`: changes only."),
});

function streamOf(events: z.ZodType, description: string) {
  return { description, content: { "text/event-stream": { schema: events } } };
}

/** `/v1/events` and `/v1/migrations/{migration}/events`: server-sent events. */
export function eventRoutes(app: V1App, events: EventOpener): void {
  app.get(
    "/migrations/:migration/events",
    {
      // A HEAD would hold the stream open for nothing.
      exposeHeadRoute: false,
      config: { isStream: true },
      schema: {
        operationId: "watchMigration",
        tags: ["events"],
        summary: "What happens to one migration, as it happens; resumed by `Last-Event-ID`, ended when it is over",
        params: migrationParams,
        querystring: z.strictObject({ lastEventId: lastEventIdQuery }),
        response: {
          200: streamOf(migrationEvent, "Server-sent events: `event` names the kind, `data` is JSON."),
          204: z.null().describe("It is over, and nothing has happened since `Last-Event-ID`."),
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      const lastId = lastEventId(request, request.query.lastEventId);
      await events.openMigration(reply, request.params.migration, lastId);
      return reply;
    },
  );

  app.get(
    "/events",
    {
      exposeHeadRoute: false,
      config: { isStream: true },
      schema: {
        operationId: "watchMigrations",
        tags: ["events"],
        summary: "What happens to all migrations, as it happens; resumed by `Last-Event-ID`",
        querystring: fleetQuery,
        response: {
          200: streamOf(fleetEvent, "Server-sent events: `event` names the kind, `data` is JSON."),
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      const { lastEventId: named, progress } = request.query;
      await events.openFleet(reply, lastEventId(request, named), progress === "true");
      return reply;
    },
  );
}
