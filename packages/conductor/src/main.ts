import { openBus } from "@drover/bus";
import { openProgress } from "@drover/progress";
import { busConfig, progressConfig, rpcMetrics, runService, storeConfig, storeOptions } from "@drover/service-kit";
import { openStore } from "@drover/store";
import { conductorConfig, retentionConfig } from "./config.ts";
import { policyConfig, policyFrom, policyRulesFrom } from "./policy/policy-config.ts";
import { startConductor } from "./start-conductor.ts";

await runService({
  name: "conductor",
  sections: {
    bus: busConfig,
    store: storeConfig,
    progress: progressConfig,
    conductor: conductorConfig,
    policy: policyConfig,
    retention: retentionConfig,
  },
  start: async ({ config, logger, clock, readiness, metrics, traced, onStop }) => {
    const bus = openBus(config.bus, { name: "drover-conductor", logger, clock, observer: rpcMetrics(metrics), traced });
    onStop("bus", () => bus.close());
    const store = await openStore(storeOptions(config), { logger, clock });
    onStop("store", () => store.close());
    const progress = await openProgress(config.progress, { logger, clock });
    onStop("progress", () => progress.close());
    readiness.add("bus", () => bus.ping());
    readiness.add("store", () => store.ping());
    readiness.add("progress", () => progress.ping());
    const policy = policyFrom(config.policy);
    const policyRules = policyRulesFrom(config.policy);
    const parts = { bus, store, progress, clock, logger, metrics, retention: config.retention };
    return await startConductor({ ...parts, config: config.conductor, policy, policyRules });
  },
});
