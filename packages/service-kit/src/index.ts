export {
  busConfig,
  embeddedBusConfig,
  embeddedProgressConfig,
  embeddedStoreConfig,
  healthConfig,
  KNOWN_SECTIONS,
  logConfig,
  progressConfig,
  storeConfig,
  tracingConfig,
} from "./common-sections.ts";
export { type Config, type ConfigSections, type LoadConfigOptions, loadConfig } from "./config.ts";
export { localAdminPath } from "./data-dir.ts";
export { type HealthServer, type HealthServerOptions, startHealthServer } from "./health-server.ts";
export { createLogger, type LoggerOptions } from "./logger.ts";
export { type LocalRequestHeaders, loopbackHost, requireLoopback, whyNotLocal } from "./loopback.ts";
export {
  createMetrics,
  type DescribedMetric,
  type MetricOptions,
  type Metrics,
  unscrapedMetrics,
} from "./metrics.ts";
export { isLoopback, type NetworkList, networkList } from "./network-list.ts";
export { processMetrics } from "./process-metrics.ts";
export { type Readiness, type ReadinessEntry, summarizeReadiness, watchReadiness } from "./readiness.ts";
export { redactSecrets } from "./redact.ts";
export { type RpcMetrics, rpcMetrics } from "./rpc-metrics.ts";
export { EXIT_CODES, runService, type ServiceContext, type ServiceOptions, startService } from "./run-service.ts";
export type { RunningService } from "./running-service.ts";
export { type StoreOptions, storeOptions } from "./store-options.ts";
