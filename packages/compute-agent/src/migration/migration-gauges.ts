import type { MigrationProgress } from "@drover/model";
import type { Metrics } from "@drover/service-kit";
import type { JournalEntry } from "../journal/journal-entry.ts";

/** What a copy is told apart by in the metrics. */
type Copy = Pick<JournalEntry, "migrationUuid" | "serverName" | "destinationHost" | "startedAtMs">;

/** One process shows so many copies; a host sends far fewer at a time. */
const MOST_COPIES = 200;

/**
 * The numbers of the copies that leave this host, while they run: a copy's series end with it. In one process with several
 * agents all of them share the gauges.
 */
export class MigrationGauges {
  readonly #host: string;
  readonly #gauges: ReturnType<typeof makeGauges>;
  readonly #shown = new Map<string, Labels>();

  constructor(metrics: Metrics, host: string) {
    this.#host = host;
    this.#gauges = makeGauges(metrics);
  }

  show(copy: Copy, progress: MigrationProgress): void {
    const labels = this.#shown.get(copy.migrationUuid) ?? this.#admit(copy);
    if (labels === undefined) return;
    const gauges = this.#gauges;
    const amounts = [
      ["memory", progress.memoryTotalBytes, progress.memoryProcessedBytes, progress.memoryRemainingBytes],
      ["disk", progress.diskTotalBytes, progress.diskProcessedBytes, progress.diskRemainingBytes],
    ] as const;
    for (const [of, total, processed, remaining] of amounts) {
      gauges.total.set({ ...labels, of }, total);
      gauges.processed.set({ ...labels, of }, processed);
      gauges.remaining.set({ ...labels, of }, remaining);
    }
    gauges.transferRate.set(labels, progress.memoryBytesPerSecond);
    gauges.dirtyRate.set(labels, progress.dirtyBytesPerSecond);
    gauges.iteration.set(labels, progress.iteration);
    gauges.throttle.set(labels, progress.autoConvergeThrottlePercent / 100);
    gauges.expectedDowntime.set(labels, progress.expectedDowntimeMs / 1000);
    gauges.downtimeLimit.set(labels, progress.downtimeLimitMs / 1000);
    gauges.startTime.set(labels, copy.startedAtMs / 1000);
  }

  forget(migrationUuid: string): void {
    const labels = this.#shown.get(migrationUuid);
    if (labels === undefined) return;
    this.#shown.delete(migrationUuid);
    const { total, processed, remaining, ...single } = this.#gauges;
    for (const gauge of [total, processed, remaining]) {
      for (const of of ["memory", "disk"]) gauge.remove({ ...labels, of });
    }
    for (const gauge of Object.values(single)) gauge.remove(labels);
  }

  #admit({ migrationUuid, serverName, destinationHost }: Copy): Labels | undefined {
    if (this.#shown.size >= MOST_COPIES) return undefined;
    const labels = { migration: migrationUuid, server: serverName, source: this.#host, destination: destinationHost };
    this.#shown.set(migrationUuid, labels);
    return labels;
  }
}

type Labels = Readonly<Record<(typeof COPY_LABELS)[number], string>>;

const COPY_LABELS = ["migration", "server", "source", "destination"] as const;

/** Named as KubeVirt's are, so that people find them. */
function makeGauges(metrics: Metrics) {
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name: `drover_migration_${name}`, help: `Of a running copy: ${help}`, labels: COPY_LABELS });
  const amount = (name: string, help: string) =>
    metrics.gauge({
      name: `drover_migration_${name}`,
      help: `Of a running copy, by \`of\`, \`memory\` or \`disk\`: ${help}`,
      labels: [...COPY_LABELS, "of"],
    });
  return {
    total: amount("data_total_bytes", "how much there is."),
    processed: amount("data_processed_bytes", "how much was sent, repeats included."),
    remaining: amount("data_remaining_bytes", "how much has yet to be sent."),
    transferRate: gauge("memory_transfer_rate_bytes", "bytes per second over the network."),
    dirtyRate: gauge("dirty_memory_rate_bytes", "bytes per second that the guest writes anew."),
    iteration: gauge("memory_iteration", "the pass over memory that is under way."),
    throttle: gauge("throttle_ratio", "how far auto-converge slows the guest down, 0 to 1."),
    expectedDowntime: gauge("expected_downtime_seconds", "the standstill that QEMU expects for a switch-over now."),
    downtimeLimit: gauge("downtime_limit_seconds", "the standstill that is allowed now."),
    startTime: gauge("start_time_seconds", "when it began, seconds since 1970."),
  };
}
