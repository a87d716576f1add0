import type { FleetSpec } from "./start-simulated-fleet.ts";

/**
 * Three hosts and seven guests to try Drover on. Links carry 200 MiB/s; an ordinary guest takes five to ten seconds, so
 * that a person can watch it, and `busy` writes faster than its link copies: it arrives only when it is forced.
 */
export function demoFleet(): FleetSpec {
  return {
    defaultLinkMiBps: 200,
    hosts: [
      { name: "alpha", memoryMiB: 32_768, cpus: 16 },
      { name: "beta", memoryMiB: 32_768, cpus: 16 },
      { name: "gamma", memoryMiB: 16_384, cpus: 8 },
    ],
    guests: [
      { name: "web-1", host: "alpha", memoryMiB: 2048, touchedMiB: 1200, workingSetMiB: 120, dirtyMiBps: 20 },
      { name: "web-2", host: "beta", memoryMiB: 2048, touchedMiB: 1100, workingSetMiB: 100, dirtyMiBps: 15 },
      { name: "database", host: "alpha", memoryMiB: 4096, touchedMiB: 1600, workingSetMiB: 400, dirtyMiBps: 80 },
      { name: "cache", host: "beta", memoryMiB: 2048, touchedMiB: 1400, workingSetMiB: 600, dirtyMiBps: 60 },
      { name: "idle", host: "gamma", memoryMiB: 1024, touchedMiB: 300, workingSetMiB: 2, dirtyMiBps: 0.1 },
      { name: "busy", host: "alpha", memoryMiB: 4096, touchedMiB: 2000, workingSetMiB: 1500, dirtyMiBps: 450 },
      { name: "archive", host: "gamma", memoryMiB: 1024, running: false },
    ],
  };
}
