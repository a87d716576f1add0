import {
  aggregateChange,
  aggregateView,
  createAggregate,
  createServerGroup,
  deleteAggregate,
  deleteServerGroup,
  newAggregate,
  newServerGroup,
  serverGroupChange,
  serverGroupView,
  updateAggregate,
  updateServerGroup,
} from "@drover/contracts";
import { viewAggregate, viewServerGroup } from "@drover/fleet";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { aggregateParams, serverGroupParams } from "./schemas.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

const deleted = z.object({ deleted: z.string() });

/** `/v1/server-groups` */
export function serverGroupRoutes(app: V1App, { fleet, dependencies }: V1Context): void {
  const tags = ["server groups"];
  const path = "/server-groups";

  app.get(
    path,
    {
      schema: {
        operationId: "listServerGroups",
        tags,
        summary: "Server groups with their members, by name",
        response: { 200: z.object({ groups: z.array(serverGroupView) }), ...errorAnswers },
      },
    },
    async () => ({ groups: (await fleet.serverGroups()).map(viewServerGroup) }),
  );

  app.post(
    path,
    {
      schema: {
        operationId: "createServerGroup",
        tags,
        summary: "Make a group of servers that are to run together or apart; it counts when one is moved",
        body: newServerGroup,
        response: { 201: z.object({ group: serverGroupView }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const asked = { group: request.body, requestedBy: request.identity.userId };
      return reply.code(201).send(await askConductor(dependencies, createServerGroup, asked, rpcContext(request)));
    },
  );

  app.patch(
    `${path}/:group`,
    {
      schema: {
        operationId: "updateServerGroup",
        tags,
        summary: "Add servers to it, and remove some from it",
        params: serverGroupParams,
        body: serverGroupChange,
        response: { 200: z.object({ group: serverGroupView }), ...errorAnswers },
      },
    },
    async (request) => {
      const asked = { group: request.params.group, change: request.body, requestedBy: request.identity.userId };
      return await askConductor(dependencies, updateServerGroup, asked, rpcContext(request));
    },
  );

  app.delete(
    `${path}/:group`,
    {
      schema: {
        operationId: "deleteServerGroup",
        tags,
        summary: "Remove it; its servers are in no group then",
        params: serverGroupParams,
        response: { 200: deleted, ...errorAnswers },
      },
    },
    async (request) => {
      const { group } = request.params;
      await askConductor(
        dependencies,
        deleteServerGroup,
        { group, requestedBy: request.identity.userId },
        rpcContext(request),
      );
      return { deleted: group };
    },
  );
}

/** `/v1/aggregates` */
export function aggregateRoutes(app: V1App, { fleet, dependencies }: V1Context): void {
  const tags = ["aggregates"];
  const path = "/aggregates";

  app.get(
    path,
    {
      schema: {
        operationId: "listAggregates",
        tags,
        summary: "Aggregates with their hosts, by name",
        response: { 200: z.object({ aggregates: z.array(aggregateView) }), ...errorAnswers },
      },
    },
    async () => ({ aggregates: (await fleet.aggregates()).map(viewAggregate) }),
  );

  app.post(
    path,
    {
      schema: {
        operationId: "createAggregate",
        tags,
        summary: "Make an aggregate of hosts; with a zone, its hosts are in that",
        body: newAggregate,
        response: { 201: z.object({ aggregate: aggregateView }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const asked = { aggregate: request.body, requestedBy: request.identity.userId };
      return reply.code(201).send(await askConductor(dependencies, createAggregate, asked, rpcContext(request)));
    },
  );

  app.patch(
    `${path}/:aggregate`,
    {
      schema: {
        operationId: "updateAggregate",
        tags,
        summary: "Change its zone or metadata, add hosts to it, and remove some from it",
        params: aggregateParams,
        body: aggregateChange,
        response: { 200: z.object({ aggregate: aggregateView }), ...errorAnswers },
      },
    },
    async (request) => {
      const asked = { aggregate: request.params.aggregate, change: request.body, requestedBy: request.identity.userId };
      return await askConductor(dependencies, updateAggregate, asked, rpcContext(request));
    },
  );

  app.delete(
    `${path}/:aggregate`,
    {
      schema: {
        operationId: "deleteAggregate",
        tags,
        summary: "Remove it; servers that asked for a zone that no host is in any more stay where they are",
        params: aggregateParams,
        response: { 200: deleted, ...errorAnswers },
      },
    },
    async (request) => {
      const { aggregate } = request.params;
      await askConductor(
        dependencies,
        deleteAggregate,
        { aggregate, requestedBy: request.identity.userId },
        rpcContext(request),
      );
      return { deleted: aggregate };
    },
  );
}
