export { type ConductorConfig, conductorConfig, policyConfig, policyFrom } from "./config.ts";
export { liveMigrateOutline, type StepOutline } from "./migration/live-migrate-outline.ts";
export { type ConductorDependencies, startConductor } from "./start-conductor.ts";
