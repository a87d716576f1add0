import { randomBytes } from "node:crypto";
import { handle, type RpcHandler } from "@drover/bus";
import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  listWebhooks,
  testWebhook,
  type WebhookView,
} from "@drover/contracts";
import { type Clock, errorChain, type Logger, noSuchWebhook, type Webhook } from "@drover/model";
import type { Store } from "@drover/store";
import { postEvent } from "./post-event.ts";
import { type ReceiverRules, requireAllowedHost } from "./receiver-address.ts";

/** Who is told of changes, as operators say it. */
export function webhookHandlers(context: {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: ReceiverRules;
}): readonly RpcHandler[] {
  const { store, clock, logger, rules } = context;
  return [
    handle(listWebhooks, async () => ({ webhooks: (await store.webhooks.list()).map(viewWebhook) })),
    handle(createWebhook, async ({ webhook: { url, states }, requestedBy }) => {
      requireAllowedHost(new URL(url), rules);
      const id = `wh_${randomBytes(9).toString("base64url")}`;
      const secret = `whsec_${randomBytes(32).toString("base64url")}`;
      const position = (await store.migrations.logBounds())?.newestId ?? 0;
      const made = await store.webhooks.create({ id, url, secret, states, position, createdBy: requestedBy });
      logger.info({ webhook: id, requestedBy }, "a webhook was made");
      return { webhook: viewWebhook(made), secret };
    }),
    handle(enableWebhook, async ({ webhook, enabled, requestedBy }) => {
      const after = await store.webhooks.setEnabled(
        webhook,
        enabled,
        enabled ? null : `switched off by ${requestedBy}`,
      );
      logger.info({ webhook, enabled, requestedBy }, "a webhook was switched");
      return { webhook: viewWebhook(after) };
    }),
    handle(deleteWebhook, async ({ webhook, requestedBy }) => {
      if (!(await store.webhooks.remove(webhook))) throw noSuchWebhook(webhook);
      logger.info({ webhook, requestedBy }, "a webhook was deleted");
      return { deleted: webhook };
    }),
    handle(testWebhook, async ({ webhook: id }, { signal }) => {
      const webhook = await store.webhooks.get(id);
      if (webhook === undefined) throw noSuchWebhook(id);
      const now = clock.now();
      const begunMs = clock.monotonicMs();
      const body = JSON.stringify({ test: true, at: now.toISOString() });
      const event = { event: "test", id: `test-${now.getTime()}`, body } as const;
      const problem = await postEvent(webhook, event, { rules, now, signal }).then(() => null, errorChain);
      return { delivered: problem === null, problem, tookMs: Math.round(clock.monotonicMs() - begunMs) };
    }),
  ];
}

function viewWebhook(webhook: Webhook): WebhookView {
  const { id, url, states, enabled, disabledReason, position, lastError, createdBy } = webhook;
  return {
    ...{ id, url, states: [...states], enabled, disabledReason, position, lastError, createdBy },
    failingSince: webhook.failingSince?.toISOString() ?? null,
    lastDeliveredAt: webhook.lastDeliveredAt?.toISOString() ?? null,
    createdAt: webhook.createdAt.toISOString(),
  };
}
