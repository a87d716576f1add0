import { isChosen, type Migration, TERMINAL } from "@drover/model";
import type { Metrics } from "@drover/service-kit";

/** Counts what this conductor writes of migrations; the sum over all conductors is the fleet. */
export interface MigrationMetrics {
  /** The record has come into another state. */
  moved(migration: Migration): void;
  /** A report of an agent was taken in: one of the events of `report_migration_event`. */
  reported(event: string): void;
}

const MIB = 1024 * 1024;
const SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400];
const STANDSTILL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30];
const BYTES = Array.from({ length: 9 }, (_, step) => 64 * MIB * 4 ** step);
const ITERATIONS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 100];

export function migrationMetrics(metrics: Metrics): MigrationMetrics {
  const outcomes = metrics.counter({
    name: "drover_migration_outcomes_total",
    help:
      "Migrations that are over. `kind` is `live`, or `live-with-disks` where local disks were copied; `outcome` is " +
      "`completed`, `failed` or `cancelled`; `reason` is the failure's code, `requested` where a person asked for this " +
      "end (an abort, a force-complete), else `none`.",
    labels: ["kind", "outcome", "reason"],
  });
  const sinceCreation = metrics.histogram({
    name: "drover_migration_state_transition_time_from_creation_seconds",
    help:
      "Time from the request to the moment in which a migration came into `state`: with `preparing` that is how long it " +
      "waited in the queue, with `completed` how long all of it took.",
    labels: ["state"],
    buckets: SECONDS,
  });
  const copySeconds = metrics.histogram({
    name: "drover_migration_copy_seconds",
    help: "How long libvirt copied, of copies that arrived.",
    labels: ["kind"],
    buckets: SECONDS,
  });
  const downtime = metrics.histogram({
    name: "drover_migration_downtime_seconds",
    help: "The standstill of the guest at the switch-over as libvirt measured it, of copies that arrived.",
    labels: ["kind"],
    buckets: STANDSTILL_SECONDS,
  });
  const bytes = metrics.histogram({
    name: "drover_migration_transferred_bytes",
    help: "What was sent over the network, repeats included, of copies that arrived; `of` is `memory` or `disk`.",
    labels: ["of"],
    buckets: BYTES,
  });
  const iterations = metrics.histogram({
    name: "drover_migration_memory_iterations",
    help: "Passes over the guest's memory, of copies that arrived.",
    buckets: ITERATIONS,
  });
  const events = metrics.counter({
    name: "drover_migration_events_total",
    help:
      "What agents reported of running copies: `started`, `post-copy`, `post-copy-paused`, `decision` (of a policy), " +
      "`abort-refused` and so on, as in `report_migration_event`.",
    labels: ["event"],
  });

  const arrived = (migration: Migration) => {
    const { finalProgress } = migration;
    if (finalProgress === null) return;
    const kind = kindOf(migration);
    copySeconds.observe({ kind }, finalProgress.elapsedMs / 1000);
    if (finalProgress.downtimeMs !== null) downtime.observe({ kind }, finalProgress.downtimeMs / 1000);
    bytes.observe({ of: "memory" }, finalProgress.memoryProcessedBytes);
    if (finalProgress.diskTotalBytes > 0) bytes.observe({ of: "disk" }, finalProgress.diskProcessedBytes);
    iterations.observe(finalProgress.iteration);
  };
  return {
    moved: (migration) => {
      const { state, updatedAt, createdAt } = migration;
      sinceCreation.observe({ state }, (updatedAt.getTime() - createdAt.getTime()) / 1000);
      if (!TERMINAL.has(state)) return;
      outcomes.inc({ kind: kindOf(migration), outcome: state, reason: reasonOf(migration) });
      if (state === "completed") arrived(migration);
    },
    reported: (event) => events.inc({ event }),
  };
}

function kindOf({ flags }: Migration): "live" | "live-with-disks" {
  const copiesDisks = ["VIR_MIGRATE_NON_SHARED_DISK", "VIR_MIGRATE_NON_SHARED_INC"];
  return copiesDisks.some((flag) => isChosen(flags, flag)) ? "live-with-disks" : "live";
}

function reasonOf({ state, failure, abortRequestedAt, forceCompleteRequestedAt }: Migration): string {
  if (state === "failed") return failure?.code ?? "none";
  const asked = state === "cancelled" ? abortRequestedAt : forceCompleteRequestedAt;
  return asked === null ? "none" : "requested";
}
