import { openBus } from "@drover/bus";
import { busConfig, rpcMetrics, runService, storeConfig, storeOptions } from "@drover/service-kit";
import { openStore } from "@drover/store";
import { schedulerConfig } from "./config.ts";
import { startScheduler } from "./start-scheduler.ts";

await runService({
  name: "scheduler",
  sections: { bus: busConfig, store: storeConfig, scheduler: schedulerConfig },
  start: async ({ config, logger, clock, readiness, metrics, traced, onStop }) => {
    const bus = openBus(config.bus, { name: "drover-scheduler", logger, clock, observer: rpcMetrics(metrics), traced });
    onStop("bus", () => bus.close());
    const store = await openStore(storeOptions(config), { logger, clock });
    onStop("store", () => store.close());
    readiness.add("bus", () => bus.ping());
    readiness.add("store", () => store.ping());
    return await startScheduler({ bus, store, clock, config: config.scheduler });
  },
});
