import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  listWebhooks,
  newWebhook,
  testWebhook,
  webhookView,
} from "@drover/contracts";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { errorAnswers, type V1App, type V1Context } from "./v1-context.ts";

const tags = ["webhooks"];
const path = "/webhooks";
const webhookParams = z.object({ webhook: z.string().min(1).max(64) });
const webhookChange = z
  .strictObject({ enabled: z.boolean().describe("Switched on, it is told what it has missed.") })
  .meta({ id: "WebhookChange" });
const webhookList = z.object({ webhooks: z.array(webhookView) });
const webhookDetail = z.object({ webhook: webhookView });
const webhookMade = webhookDetail.extend({ secret: z.string().describe("Signs what is sent to it.") });
const webhookDeleted = z.object({ deleted: z.string() });
const webhookTested = z.object({
  delivered: z.boolean(),
  problem: z.string().nullable().describe("Why it was not."),
  tookMs: z.int(),
});

/** `/v1/webhooks` */
export function webhookRoutes(app: V1App, { dependencies }: V1Context): void {
  app.get(
    path,
    {
      schema: {
        operationId: "listWebhooks",
        tags,
        summary: "Webhooks, and how each is getting on",
        response: { 200: webhookList, ...errorAnswers },
      },
    },
    async (request) => askConductor(dependencies, listWebhooks, {}, rpcContext(request)),
  );

  app.post(
    path,
    {
      schema: {
        operationId: "createWebhook",
        tags,
        summary: "Tell an address of all changes from now on; the secret that signs them is shown this once",
        body: newWebhook,
        response: { 201: webhookMade, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const asked = { webhook: request.body, requestedBy: request.identity.userId };
      return reply.code(201).send(await askConductor(dependencies, createWebhook, asked, rpcContext(request)));
    },
  );

  app.patch(
    `${path}/:webhook`,
    {
      schema: {
        operationId: "updateWebhook",
        tags,
        summary: "Switch it on or off",
        params: webhookParams,
        body: webhookChange,
        response: { 200: webhookDetail, ...errorAnswers },
      },
    },
    async (request) => {
      const asked = { ...request.params, ...request.body, requestedBy: request.identity.userId };
      return await askConductor(dependencies, enableWebhook, asked, rpcContext(request));
    },
  );

  app.delete(
    `${path}/:webhook`,
    {
      schema: {
        operationId: "deleteWebhook",
        tags,
        summary: "Delete it",
        params: webhookParams,
        response: { 200: webhookDeleted, ...errorAnswers },
      },
    },
    async (request) => {
      const asked = { ...request.params, requestedBy: request.identity.userId };
      return await askConductor(dependencies, deleteWebhook, asked, rpcContext(request));
    },
  );

  app.post(
    `${path}/:webhook/test`,
    {
      schema: {
        operationId: "testWebhook",
        tags,
        summary: "Send it an event `test`, and say what came of it",
        params: webhookParams,
        response: { 200: webhookTested, ...errorAnswers },
      },
    },
    async (request) => askConductor(dependencies, testWebhook, request.params, rpcContext(request)),
  );
}
