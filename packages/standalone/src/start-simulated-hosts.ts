import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "@drover/bus";
import { type ComputeAgent, computeConfig, noFiles, noKnock, startComputeAgent } from "@drover/compute-agent";
import { demoFleet, type RunningFleet, type SimulatedHostHandle, startSimulatedFleet } from "@drover/libvirt-sim";
import { type Clock, type Logger, pause } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Metrics, RunningService } from "@drover/service-kit";

export interface SimulatedHostsOptions {
  readonly bus: Bus;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly dataDir: string;
}

/** How long the start waits for the hosts' first reports, ms; with a broker that is away they come later. */
const REPORTED_WITHIN_MS = 5_000;

/** Hosts that exist in this process alone, each with an agent that speaks libvirt's protocol to it as to any other. */
export interface SimulatedHosts extends RunningService {
  readonly names: readonly string[];
}

/**
 * Starts the demonstration fleet and an agent per host. Guests are where the last run left them (`simulator.json`).
 * Sockets go to a short temporary folder, since their paths must stay under 108 bytes; it is gone after `stop`, and when
 * this rejects.
 */
export async function startSimulatedHosts(options: SimulatedHostsOptions): Promise<SimulatedHosts> {
  const { clock, logger, dataDir } = options;
  const started = new AsyncDisposableStack();
  try {
    const directory = await mkdtemp(join(tmpdir(), "drover-sim-"));
    started.defer(() => rm(directory, { recursive: true, force: true }));
    const stateFile = join(dataDir, "simulator.json");
    const fleet = await startSimulatedFleet({ ...demoFleet(), directory, stateFile, clock, logger });
    started.defer(() => fleet.close());
    const agents: ComputeAgent[] = [];
    started.defer(async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
    });
    const starting = await Promise.allSettled(fleet.hosts.map((host) => startAgent(host, fleet.dial, options)));
    // Those that did start are stopped when another did not.
    agents.push(...starting.flatMap((agent) => (agent.status === "fulfilled" ? [agent.value] : [])));
    for (const agent of starting) if (agent.status === "rejected") throw agent.reason;
    // Whoever reads that Drover is up may ask for these hosts' guests in the next moment.
    const patience = new AbortController();
    const patient = pause(clock, REPORTED_WITHIN_MS, patience.signal);
    await Promise.race([Promise.all(agents.map((agent) => agent.reported)), patient]);
    patience.abort();
    return { names: fleet.hosts.map((host) => host.name), stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function startAgent(
  host: SimulatedHostHandle,
  dial: RunningFleet["dial"],
  options: SimulatedHostsOptions,
): Promise<ComputeAgent> {
  const config = computeConfig.parse({
    host: host.name,
    libvirt_uri: host.uri,
    libvirt_migration_uri: host.peerUri,
    // Simulated hosts have no addresses of their own; their links are inside the simulator.
    live_migration_inbound_addr: "127.0.0.1",
  });
  const state_path = join(options.dataDir, `compute-${host.name}.json`);
  const { bus, progress, clock, logger, metrics } = options;
  return await startComputeAgent({
    bus,
    progress,
    clock,
    logger,
    metrics,
    config: { ...config, state_path },
    hostFiles: noFiles,
    libvirt: { dial },
    knock: noKnock,
  });
}
