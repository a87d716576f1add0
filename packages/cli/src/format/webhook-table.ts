import type { WebhookView } from "@drover/api-client";
import { formatDuration } from "./quantity.ts";
import { formatTable } from "./table.ts";

/** `drover webhook list` for people. */
export function webhookTable(webhooks: readonly WebhookView[], now: Date): string {
  if (webhooks.length === 0) return "No webhooks.\n";
  return formatTable(
    ["WEBHOOK", "URL", "STATES", "STANDS"],
    webhooks.map((webhook) => [webhook.id, webhook.url, webhook.states.join(", ") || "all", standing(webhook, now)]),
  );
}

function standing(
  { enabled, disabledReason, failingSince, lastError, lastDeliveredAt }: WebhookView,
  now: Date,
): string {
  const agoOf = (time: string) => formatDuration(Math.max(0, now.getTime() - Date.parse(time)));
  if (!enabled) return `disabled: ${disabledReason ?? "no reason given"}`;
  if (failingSince !== null) return `failing for ${agoOf(failingSince)}: ${lastError ?? "no reason given"}`;
  return lastDeliveredAt === null ? "nothing told yet" : `last told ${agoOf(lastDeliveredAt)} ago`;
}
