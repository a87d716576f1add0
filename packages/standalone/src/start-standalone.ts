import { type ApiConfig, type KeystoneConfig, startApi } from "@drover/api";
import { type BusSettings, openBus } from "@drover/bus";
import { type ConductorConfig, type PolicyRules, type RetentionConfig, startConductor } from "@drover/conductor";
import type { Clock, Logger, MigrationPolicy } from "@drover/model";
import { openProgress, type ProgressSettings } from "@drover/progress";
import { type SchedulerConfig, startScheduler } from "@drover/scheduler";
import { type Metrics, type Readiness, type RunningService, rpcMetrics } from "@drover/service-kit";
import { openStore, type StoreSettings } from "@drover/store";
import { ensureLocalAdmin } from "./local-admin.ts";
import { lockDataDir } from "./lock-data-dir.ts";
import type { SimulatorConfig } from "./simulator-config.ts";
import { startSimulatedHosts } from "./start-simulated-hosts.ts";

export interface StandaloneOptions {
  readonly dataDir: string;
  readonly bus: BusSettings;
  readonly store: StoreSettings;
  readonly progress: ProgressSettings;
  readonly api: ApiConfig;
  /** @default Drover's own tokens alone */
  readonly keystone?: KeystoneConfig;
  readonly conductor: ConductorConfig;
  readonly retention: RetentionConfig;
  readonly scheduler: SchedulerConfig;
  readonly simulator: SimulatorConfig;
  readonly policy: MigrationPolicy;
  readonly policyRules?: PolicyRules;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Spans of this process are sent somewhere. */
  readonly traced: boolean;
}

export interface Standalone extends RunningService {
  /** `http://127.0.0.1:8774` */
  readonly address: string;
  /** Names of the simulated hosts. */
  readonly hosts: readonly string[];
}

/**
 * All services in one process, joined as they are between processes: by the bus, the store and the progress cache.
 *
 * Everything that was started is stopped again, in reverse order, when this rejects and by `stop`.
 *
 * @throws {DroverError} `refused` when another process runs on `dataDir`; `bad-request` when it cannot be used; what a
 *   service threw when it did not start.
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { dataDir, policy, logger, clock, readiness, metrics, traced } = options;
  const started = new AsyncDisposableStack();
  try {
    // Before anything is opened, and given back after everything is closed.
    const lock = await lockDataDir(dataDir);
    started.defer(() => lock.release());
    const bus = openBus(options.bus, {
      name: "drover-standalone",
      logger,
      clock,
      observer: rpcMetrics(metrics),
      traced,
    });
    started.defer(() => bus.close());
    const store = await openStore(options.store, { logger, clock });
    started.defer(() => store.close());
    const progress = await openProgress(options.progress, { logger, clock });
    started.defer(() => progress.close());
    readiness.add("bus", () => bus.ping());
    readiness.add("store", () => store.ping());
    readiness.add("progress", () => progress.ping());

    const scheduler = await startScheduler({ bus, store, clock, config: options.scheduler });
    started.defer(() => scheduler.stop());
    const conductor = await startConductor({
      ...{ bus, store, progress, clock, logger, metrics, policy, config: options.conductor },
      retention: options.retention,
      ...(options.policyRules === undefined ? {} : { policyRules: options.policyRules }),
    });
    started.defer(() => conductor.stop());
    const hosts = options.simulator.enabled
      ? await startSimulatedHosts({ bus, progress, clock, logger, metrics, dataDir })
      : undefined;
    if (hosts !== undefined) started.defer(() => hosts.stop());
    await ensureLocalAdmin({ dataDir, store, clock });
    const api = await startApi({
      bus,
      store,
      progress,
      logger,
      clock,
      config: options.api,
      ...(options.keystone === undefined ? {} : { keystone: options.keystone }),
      readiness,
      metrics,
      traced,
    });
    started.defer(() => api.stop());
    return { address: api.address, hosts: hosts?.names ?? [], stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}
