import type { ProgressFlush } from "@drover/progress";
import type { Metrics } from "@drover/service-kit";
import { type FleetSources, fleetMetrics } from "./fleet-metrics.ts";
import { type MigrationMetrics, migrationMetrics } from "./migration-metrics.ts";

/** All that a conductor has to tell. */
export interface ConductorMetrics {
  readonly migrations: MigrationMetrics;
  /** So many of a kind were deleted, since they are kept for a time only. */
  pruned(what: string, count: number): void;
  /** A change was sent to a webhook, and was taken or not. */
  webhookTried(outcome: "delivered" | "failed"): void;
  /** A webhook was disabled, since it takes nothing. */
  webhookDisabled(): void;
  /** From now on each scrape reads the fleet, and how long ago progress was flushed. */
  watch(sources: FleetSources & { readonly flush: Pick<ProgressFlush, "flushedAtMs"> }): void;
}

export function conductorMetrics(metrics: Metrics): ConductorMetrics {
  const migrations = migrationMetrics(metrics);
  const watchFleet = fleetMetrics(metrics);
  const flushAge = metrics.gauge({
    name: "drover_progress_flush_age_seconds",
    help: "Time since this conductor last carried the progress cache's changes into the store; normally below ten.",
  });
  const pruned = metrics.counter({
    name: "drover_pruned_total",
    help: "Records that this conductor deleted since `[retention]` keeps them no longer; `what` is `migrations`, `histories`, `server-actions` or `audit`.",
    labels: ["what"],
  });
  const webhooks = metrics.counter({
    name: "drover_webhook_deliveries_total",
    help: "Tries of this conductor to tell a webhook of a change; `outcome` is `delivered` or `failed`.",
    labels: ["outcome"],
  });
  const disabled = metrics.counter({
    name: "drover_webhooks_disabled_total",
    help: "Webhooks that this conductor disabled, since nothing got through for too long or the receiver is gone.",
  });
  return {
    migrations,
    webhookTried: (outcome) => webhooks.inc({ outcome }),
    webhookDisabled: () => disabled.inc(),
    pruned: (what, count) => pruned.inc({ what }, count),
    watch: ({ flush, ...fleet }) => {
      watchFleet(fleet);
      metrics.onScrape(async () => {
        if (flush.flushedAtMs !== null) flushAge.set((fleet.clock.now().getTime() - flush.flushedAtMs) / 1000);
      });
    },
  };
}
