import { join } from "node:path";
import { openBus } from "@drover/bus";
import { openProgress } from "@drover/progress";
import { busConfig, progressConfig, rpcMetrics, runService } from "@drover/service-kit";
import { startComputeAgent } from "./compute-agent.ts";
import { computeConfig } from "./compute-config.ts";

await runService({
  name: "compute-agent",
  sections: { bus: busConfig, progress: progressConfig, compute: computeConfig },
  start: async ({ config, logger, clock, readiness, metrics, traced, onStop }) => {
    const { compute } = config;
    const bus = openBus(config.bus, {
      name: `drover-compute-agent ${compute.host}`,
      ...{ logger, clock, observer: rpcMetrics(metrics), traced },
    });
    onStop("bus", () => bus.close());
    const progress = await openProgress(config.progress, { logger, clock });
    onStop("progress", () => progress.close());
    const state_path = compute.state_path ?? join(config.data_dir, `compute-${compute.host}.json`);
    const agent = await startComputeAgent({
      bus,
      progress,
      logger,
      clock,
      metrics,
      config: { ...compute, state_path },
    });
    readiness.add("bus", () => bus.ping());
    // Migrations go on without the cache: its absence is told, and the agent is ready all the same.
    readiness.add("progress", () => progress.ping(), { essential: false });
    readiness.add("libvirtd", () => agent.pingLibvirt());
    return agent;
  },
});
