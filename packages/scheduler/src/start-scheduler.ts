import { randomUUID } from "node:crypto";
import { type Bus, handle } from "@drover/bus";
import { selectDestinations } from "@drover/contracts";
import type { Clock } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { SchedulerConfig } from "./config.ts";
import { FleetView } from "./fleet-view.ts";
import { type PlacementRecords, placementWish } from "./placement-wish.ts";
import { selectDestinationsFrom } from "./select-destinations.ts";

export interface SchedulerDependencies {
  readonly bus: Bus;
  /** Only read. */
  readonly store: Store;
  readonly clock: Clock;
  readonly config: SchedulerConfig;
}

/**
 * Serves `select_destinations`. Any number of schedulers may run: what each has in memory is read from the store, and brought up to
 * date before each answer.
 */
export async function startScheduler({ bus, store, clock, config }: SchedulerDependencies): Promise<RunningService> {
  const fleet = new FleetView(store.placement, clock);
  const options = { ramAllocationRatio: config.ram_allocation_ratio, cpuAllocationRatio: config.cpu_allocation_ratio };
  const server = await bus.serve({
    topic: selectDestinations.topic,
    server: `scheduler-${randomUUID()}`,
    handlers: [
      handle(selectDestinations, async ({ serverUuid, ...request }) => {
        const { sourceHost } = request;
        const [records, hosts] = await Promise.all([placementRecords(store, serverUuid), fleet.read()]);
        const claims = records.group === undefined ? [] : fleet.claims();
        const { candidates, ...selection } = selectDestinationsFrom(
          hosts,
          {
            ...request,
            source: fleet.host(sourceHost),
            placement: placementWish(serverUuid, sourceHost, { ...records, claims }),
          },
          options,
        );
        return {
          ...selection,
          candidates: candidates.map((candidate) => ({ ...candidate, weights: [...candidate.weights] })),
          eliminated: [...selection.eliminated],
        };
      }),
    ],
  });
  // The first question finds the fleet known; while the database is away that is the question's own to find out.
  fleet.read().catch(() => {});
  return { stop: () => server.close() };
}

/** What the store has about one server: of guests, only those of its group are read, where it is in one. */
async function placementRecords(store: Store, serverUuid: string): Promise<Omit<PlacementRecords, "claims">> {
  const [group, availabilityZone, own] = await Promise.all([
    store.serverGroups.ofServer(serverUuid),
    store.serverZones.of(serverUuid),
    store.guests.byServer(serverUuid),
  ]);
  const sightings = group === undefined ? own : await store.guests.byServers([serverUuid, ...group.servers]);
  return { group, sightings, availabilityZone };
}
