import { openBus } from "@drover/bus";
import { openProgress } from "@drover/progress";
import { busConfig, progressConfig, rpcMetrics, runService, storeConfig, storeOptions } from "@drover/service-kit";
import { openStore } from "@drover/store";
import { apiConfig } from "./api-config.ts";
import { keystoneConfig } from "./auth/keystone/keystone-config.ts";
import { startApi } from "./start-api.ts";

await runService({
  name: "api",
  sections: {
    bus: busConfig,
    store: storeConfig,
    progress: progressConfig,
    api: apiConfig,
    keystone_authtoken: keystoneConfig,
  },
  start: async ({ config, logger, clock, readiness, metrics, traced, onStop }) => {
    const bus = openBus(config.bus, { name: "drover-api", logger, clock, observer: rpcMetrics(metrics), traced });
    onStop("bus", () => bus.close());
    const store = await openStore(storeOptions(config), { logger, clock });
    onStop("store", () => store.close());
    const progress = await openProgress(config.progress, { logger, clock });
    onStop("progress", () => progress.close());
    readiness.add("bus", () => bus.ping());
    readiness.add("store", () => store.ping());
    // Without the cache every request is still answered, with the store's numbers.
    readiness.add("progress", () => progress.ping(), { essential: false });
    const { api, keystone_authtoken: keystone } = config;
    return await startApi({ bus, store, progress, logger, clock, config: api, keystone, readiness, metrics, traced });
  },
});
