import { type Clock, IN_PROGRESS, isHostUp } from "@drover/model";
import type { Metrics } from "@drover/service-kit";
import type { Store } from "@drover/store";

/** What a conductor's scrapes read. */
export interface FleetSources {
  readonly store: Store;
  readonly clock: Clock;
}

/**
 * What the store says of the fleet, read once for each scrape from the sources that the returned function is given. Every
 * conductor shows the same of it: take the maximum over them, not the sum. While the store is away, nothing is shown.
 */
export function fleetMetrics(metrics: Metrics): (sources: FleetSources) => void {
  const migrations = metrics.gauge({
    name: "drover_migrations",
    help: "Migrations in progress, by the record's state: all states but the three ends.",
    labels: ["state"],
  });
  const oldest = metrics.gauge({
    name: "drover_migration_oldest_age_seconds",
    help: "Time since the oldest migration in the state was asked for; with `queued` that is the longest wait.",
    labels: ["state"],
  });
  const unchanged = metrics.gauge({
    name: "drover_migration_longest_unchanged_seconds",
    help: "Time since the record in the state was written that has not been written for the longest time.",
    labels: ["state"],
  });
  const agents = metrics.gauge({
    name: "drover_agents",
    help: "Agents that are `up`, or `down` since they have not been heard of for a minute.",
    labels: ["status"],
  });
  const lastSeen = metrics.gauge({
    name: "drover_agent_last_seen_age_seconds",
    help: "Time since the agent of the host was last heard of.",
    labels: ["host"],
  });
  const failing = metrics.gauge({
    name: "drover_webhook_longest_failing_seconds",
    help: "Time since nothing gets through to the enabled webhook that fails for the longest time; zero while none fails.",
  });
  const all = [migrations, oldest, unchanged, agents, lastSeen, failing];
  const read = async ({ store, clock }: FleetSources) => {
    // A host or a state that is not there any more leaves no number behind, and neither does a store that is away.
    for (const gauge of all) gauge.reset();
    const [figures, webhooks] = await Promise.all([store.figures(), store.webhooks.list()]);
    const now = clock.now();
    const ageOf = (time: Date) => Math.max(0, now.getTime() - time.getTime()) / 1000;
    for (const state of IN_PROGRESS) {
      const { count = 0, oldestCreatedAt = now, oldestUpdatedAt = now } = figures.migrations.get(state) ?? {};
      migrations.set({ state }, count);
      oldest.set({ state }, ageOf(oldestCreatedAt));
      unchanged.set({ state }, ageOf(oldestUpdatedAt));
    }
    const up = figures.hosts.filter((host) => isHostUp(host, now)).length;
    agents.set({ status: "up" }, up);
    agents.set({ status: "down" }, figures.hosts.length - up);
    failing.set(Math.max(0, ...webhooks.map(({ failingSince }) => (failingSince === null ? 0 : ageOf(failingSince)))));
    for (const { host, lastSeenAt } of figures.hosts) lastSeen.set({ host }, ageOf(lastSeenAt));
  };
  return (sources) => metrics.onScrape(() => read(sources));
}
