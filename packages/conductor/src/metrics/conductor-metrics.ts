import type { ProgressFlush } from "@drover/progress";
import type { Metrics } from "@drover/service-kit";
import { type FleetSources, fleetMetrics } from "./fleet-metrics.ts";
import { type MigrationMetrics, migrationMetrics } from "./migration-metrics.ts";

/** All that a conductor has to tell. */
export interface ConductorMetrics {
  readonly migrations: MigrationMetrics;
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
  return {
    migrations,
    watch: ({ flush, ...fleet }) => {
      watchFleet(fleet);
      metrics.onScrape(async () => {
        if (flush.flushedAtMs !== null) flushAge.set((fleet.clock.now().getTime() - flush.flushedAtMs) / 1000);
      });
    },
  };
}
