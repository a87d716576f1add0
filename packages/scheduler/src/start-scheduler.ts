import { randomUUID } from "node:crypto";
import { type Bus, handle } from "@drover/bus";
import { selectDestinations } from "@drover/contracts";
import type { Clock } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { SchedulerConfig } from "./config.ts";
import { type HostView, viewHosts } from "./host-view.ts";
import { type PlacementWish, placementWish } from "./placement-wish.ts";
import { selectDestinationsFrom } from "./select-destinations.ts";

/** A failed migration counts against its destination for so long, ms. */
const FAILURES_COUNT_MS = 10 * 60_000;
/** The newest so many are looked at. */
const FAILURES_READ = 200;

export interface SchedulerDependencies {
  readonly bus: Bus;
  /** Only read: hosts, guests, claims, aggregates, groups, and what failed lately. */
  readonly store: Store;
  readonly clock: Clock;
  readonly config: SchedulerConfig;
}

/** Serves `select_destinations`. Any number of schedulers may run; they hold nothing between two requests. */
export async function startScheduler(dependencies: SchedulerDependencies): Promise<RunningService> {
  const { bus, config } = dependencies;
  const server = await bus.serve({
    topic: selectDestinations.topic,
    server: `scheduler-${randomUUID()}`,
    handlers: [
      handle(selectDestinations, async ({ serverUuid, ...request }) => {
        const { hosts, placement } = await readFleet(dependencies, serverUuid, request.sourceHost);
        const source = hosts.find(({ name }) => name === request.sourceHost)?.facts;
        const selection = selectDestinationsFrom(
          hosts,
          { ...request, source, placement },
          { ramAllocationRatio: config.ram_allocation_ratio, cpuAllocationRatio: config.cpu_allocation_ratio },
        );
        return {
          candidates: selection.candidates.map((candidate) => ({ ...candidate, weights: [...candidate.weights] })),
          eliminated: [...selection.eliminated],
        };
      }),
    ],
  });
  return { stop: () => server.close() };
}

/**
 * What one question needs, read anew each time, so that what an operator has just set counts. Guests are added up by the
 * database and only those of the server's group are read: the answer grows with the hosts, not with the guests.
 */
async function readFleet(
  { store, clock }: SchedulerDependencies,
  serverUuid: string,
  sourceHost: string,
): Promise<{ readonly hosts: readonly HostView[]; readonly placement: PlacementWish }> {
  const now = clock.now();
  const changedSince = new Date(now.getTime() - FAILURES_COUNT_MS);
  const [hosts, usage, claims, aggregates, failures, group, availabilityZone] = await Promise.all([
    store.hosts.list(),
    store.guests.usage(),
    store.claims.list(),
    store.aggregates.list(),
    store.migrations.list({ states: ["failed"], changedSince, limit: FAILURES_READ }),
    store.serverGroups.ofServer(serverUuid),
    store.serverZones.of(serverUuid),
  ]);
  const sightings = await store.guests.byServers([serverUuid, ...(group?.servers ?? [])]);
  return {
    hosts: viewHosts({ hosts, usage, claims, aggregates, failures }, now),
    placement: placementWish(serverUuid, sourceHost, { group, sightings, claims, availabilityZone }),
  };
}
