import { isUuid } from "@drover/fleet";
import { z } from "zod";
import { hostIdFor } from "./host-id.ts";
import { type InstanceAction, instanceActions } from "./instance-actions.ts";
import type { InstanceEvent } from "./instance-events.ts";
import { nextLink } from "./links.ts";
import { SINCE } from "./microversion.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { microsecondsTime } from "./nova-time.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, one, requireOrder, time } from "./query-values.ts";
import { MAX_PAGE, page } from "./server-filter.ts";
import { requireServer } from "./server-routes.ts";

const paged = z.object({ limit: count, marker: one, "changes-since": time });
const queries = {
  changesBefore: paged.extend({ "changes-before": time }).strict(),
  paging: paged.strict(),
};
type ActionQuery = z.output<typeof paged> & { readonly "changes-before"?: Date | undefined };

/** `/servers/{id}/os-instance-actions[/{request_id}]`: what was asked for a server, and what came of it. */
export const instanceActionRoutes: NovaRoutes = (app, context) => {
  app.get<{ Params: { id: string } }>("/servers/:id/os-instance-actions", async (request) => {
    const { novaMinor: minor } = request;
    const query = parseActionQuery(request.query, minor);
    const { "changes-since": since, "changes-before": before } = query;
    const actions = (await actionsOf(context, request.params.id, minor)).filter(
      ({ updatedAt }) => (since === undefined || updatedAt >= since) && (before === undefined || updatedAt <= before),
    );
    const { marker } = query;
    if (marker !== undefined && !actions.some(({ requestId }) => requestId === marker)) {
      throw new NovaFault(400, `Marker ${marker} could not be found.`);
    }
    const { rows, next } = page(actions, query, ({ requestId }) => requestId);
    const links = next === undefined ? {} : { links: [nextLink(request, next)] };
    return { instanceActions: rows.map((action) => summary(action, minor)), ...links };
  });

  app.get<{ Params: { id: string; requestId: string } }>(
    "/servers/:id/os-instance-actions/:requestId",
    async ({ params, novaMinor: minor }) => {
      const actions = await actionsOf(context, params.id, minor);
      const action = actions.find(({ requestId }) => requestId === params.requestId);
      if (action === undefined) throw new NovaFault(404, `Action ${params.requestId} not found`);
      const events = action.events.map((event) => eventView(event, action.projectId, minor));
      return { instanceAction: { ...summary(action, minor), events } };
    },
  );
};

/** Before 2.58 the query is not looked at, and all come on one page. */
function parseActionQuery(input: unknown, minor: number): ActionQuery {
  if (minor < SINCE.actionPaging) return {};
  const query: ActionQuery = parseQuery(minor >= SINCE.changesBefore ? queries.changesBefore : queries.paging, input);
  requireOrder(query["changes-since"], query["changes-before"]);
  return query;
}

/** The newest first. From 2.21 on also of a server that is no more. @throws {NovaFault} 404 */
async function actionsOf(context: NovaContext, id: string, minor: number): Promise<readonly InstanceAction[]> {
  const { migrations, serverActions } = context.dependencies.store;
  const known = isUuid(id) ? await migrations.list({ serverUuid: id, limit: MAX_PAGE }) : [];
  const others = isUuid(id) ? await serverActions.list(id, MAX_PAGE) : [];
  if (known.length + others.length === 0 || minor < SINCE.deletedServersActions) await requireServer(context, id);
  return instanceActions(known, await migrations.readLog(...known.map(({ uuid }) => uuid)), others);
}

function summary(action: InstanceAction, minor: number): object {
  return {
    action: action.action,
    instance_uuid: action.serverUuid,
    request_id: action.requestId,
    user_id: action.userId,
    project_id: action.projectId,
    start_time: microsecondsTime(action.startedAt),
    message: action.events.some(({ result }) => result === "Error") ? "Error" : null,
    ...(minor >= SINCE.actionPaging ? { updated_at: microsecondsTime(action.updatedAt) } : {}),
  };
}

/** Below 2.84 there is no `details`: the reason then stands where Nova has its traceback alone. */
function eventView(event: InstanceEvent, projectId: string | null, minor: number): object {
  return {
    event: event.event,
    start_time: microsecondsTime(event.startedAt),
    finish_time: event.finishedAt === null ? null : microsecondsTime(event.finishedAt),
    result: event.result,
    traceback: event.details,
    ...(minor >= SINCE.actionEventHost ? { host: event.host, hostId: hostIdFor(projectId ?? "", event.host) } : {}),
    ...(minor >= SINCE.actionEventDetails ? { details: event.details } : {}),
  };
}
