export { type ComputeAgent, type ComputeAgentOptions, startComputeAgent } from "./compute-agent.ts";
export { type ComputeConfig, computeConfig } from "./compute-config.ts";
export { HostReporter, type HostReporterOptions } from "./inventory/host-reporter.ts";
export type { StateFile } from "./journal/state-file.ts";
export { MigrationGauges } from "./migration/migration-gauges.ts";
export { noKnock } from "./network/knock.ts";
export { type HostFiles, noFiles } from "./tls/host-files.ts";
