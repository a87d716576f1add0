import { randomUUID } from "node:crypto";
import { type Bus, handle } from "@drover/bus";
import { selectDestinations } from "@drover/contracts";
import type { Clock } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { SchedulerConfig } from "./config.ts";
import { viewHosts } from "./host-view.ts";
import { selectDestinationsFrom } from "./select-destinations.ts";

/** A failed migration counts against its destination for so long, ms. */
const FAILURES_COUNT_MS = 10 * 60_000;
/** The newest so many are looked at. */
const FAILURES_READ = 200;

export interface SchedulerDependencies {
  readonly bus: Bus;
  /** Only read: hosts, guests, claims, and what failed lately. */
  readonly store: Store;
  readonly clock: Clock;
  readonly config: SchedulerConfig;
}

/** Serves `select_destinations`. Any number of schedulers may run; they hold nothing between two requests. */
export async function startScheduler(dependencies: SchedulerDependencies): Promise<RunningService> {
  const { bus, store, clock, config } = dependencies;
  const server = await bus.serve({
    topic: selectDestinations.topic,
    server: `scheduler-${randomUUID()}`,
    handlers: [
      handle(selectDestinations, async (request) => {
        const now = clock.now();
        const changedSince = new Date(now.getTime() - FAILURES_COUNT_MS);
        const [hosts, guests, claims, failures] = await Promise.all([
          store.hosts.list(),
          store.guests.list(),
          store.claims.list(),
          store.migrations.list({ states: ["failed"], changedSince, limit: FAILURES_READ }),
        ]);
        const view = viewHosts({ hosts, guests, claims, failures }, now);
        const selection = selectDestinationsFrom(view, request, { ramAllocationRatio: config.ram_allocation_ratio });
        return {
          candidates: selection.candidates.map((candidate) => ({ ...candidate, weights: [...candidate.weights] })),
          eliminated: [...selection.eliminated],
        };
      }),
    ],
  });
  return { stop: () => server.close() };
}
