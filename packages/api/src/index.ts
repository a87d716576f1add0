export { type ApiConfig, apiConfig } from "./api-config.ts";
export type { ApiDependencies } from "./api-dependencies.ts";
export { type KeystoneConfig, keystoneConfig } from "./auth/keystone/keystone-config.ts";
export { policyTable, type RouteAccess } from "./auth/policy-table.ts";
export { createApi } from "./create-api.ts";
export { type HttpMetrics, httpMetrics } from "./http-metrics.ts";
export { type RunningApi, startApi } from "./start-api.ts";
