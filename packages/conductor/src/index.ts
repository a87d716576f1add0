export { type ConductorConfig, conductorConfig, type RetentionConfig, retentionConfig } from "./config.ts";
export { type ConductorMetrics, conductorMetrics } from "./metrics/conductor-metrics.ts";
export { liveMigrateOutline, type StepOutline } from "./migration/live-migrate-outline.ts";
export { type PolicyRules, policyConfig, policyFrom, policyRulesFrom } from "./policy/policy-config.ts";
export { type ConductorDependencies, startConductor } from "./start-conductor.ts";
