/** Addresses that are told of changes of migrations by HTTP. */
import { defineCall } from "@drover/bus";
import { MIGRATION_STATES } from "@drover/model";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";

const time = z.iso.datetime();

export const webhookView = z
  .object({
    id: z.string(),
    url: z.string(),
    states: z.array(z.enum(MIGRATION_STATES)).describe("Only changes that led to one of these are told; empty: all."),
    enabled: z.boolean(),
    disabledReason: z.string().nullable().describe("Why Drover disabled it."),
    position: z.int().describe("Id of the last change that it was told, or was not to be."),
    failingSince: time.nullable().describe("Since when nothing gets through; null while all is well."),
    lastError: z.string().nullable().describe("Why the last try failed."),
    lastDeliveredAt: time.nullable(),
    createdAt: time,
    createdBy: z.string(),
  })
  .meta({ id: "Webhook" });
export type WebhookView = z.output<typeof webhookView>;

const webhookId = z.string().min(1).max(64);

export const newWebhook = z
  .strictObject({
    url: z
      .string()
      .max(2000)
      .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
        error: "must be a URL that begins with https:// or http://",
      })
      .describe("Where each change is sent, by POST."),
    states: z
      .array(z.enum(MIGRATION_STATES))
      .max(MIGRATION_STATES.length)
      .default([])
      .describe("Only changes that led to one of these are told; empty: all."),
  })
  .meta({ id: "NewWebhook" });

/** Who makes a webhook has the conductor send to an address: that is for administrators, whom the API knows. */
const changing = { ...conductorTopic, access: "control-plane", idempotent: true, deadlineMs: 10_000 } as const;
const noSuch = { "not-found": "No such webhook." } as const;
const requestedBy = z.string().max(255).describe("For the log: on whose behalf.");

export const listWebhooks = defineCall({
  ...changing,
  changesNothing: true,
  method: "list_webhooks",
  description: "The webhooks, the oldest first, and how each is getting on. Their secrets are told to nobody.",
  request: z.strictObject({}),
  response: z.object({ webhooks: z.array(webhookView) }),
});

export const createWebhook = defineCall({
  ...changing,
  idempotent: false,
  method: "create_webhook",
  description: "Tells an address of all changes from now on. The secret, which signs what is sent, is told this once.",
  errors: { refused: "The address is one that Drover sends nothing to." },
  request: z.object({ webhook: newWebhook, requestedBy }),
  response: z.object({ webhook: webhookView, secret: z.string() }),
});

export const enableWebhook = defineCall({
  ...changing,
  method: "enable_webhook",
  description: "Switches a webhook on or off. Switched on it is told what it has missed, from its position on.",
  errors: noSuch,
  request: z.object({ webhook: webhookId, enabled: z.boolean(), requestedBy }),
  response: z.object({ webhook: webhookView }),
});

export const deleteWebhook = defineCall({
  ...changing,
  method: "delete_webhook",
  description: "Deletes a webhook. What is on its way may still arrive.",
  errors: noSuch,
  request: z.object({ webhook: webhookId, requestedBy }),
  response: z.object({ deleted: z.string() }),
});

export const testWebhook = defineCall({
  ...changing,
  deadlineMs: 20_000,
  method: "test_webhook",
  description: "Sends a webhook an event `test`, also one that is disabled, and says what came of it.",
  errors: noSuch,
  request: z.object({ webhook: webhookId }),
  response: z.object({
    delivered: z.boolean(),
    problem: z.string().nullable().describe("Why it was not."),
    tookMs: z.int().nonnegative(),
  }),
});
