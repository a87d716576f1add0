export { type ApiConfig, apiConfig } from "./api-config.ts";
export type { ApiDependencies } from "./api-dependencies.ts";
export { createApi } from "./create-api.ts";
export { type HttpMetrics, httpMetrics } from "./http-metrics.ts";
export { type RunningApi, startApi } from "./start-api.ts";
