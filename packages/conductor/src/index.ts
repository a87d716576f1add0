export { type ConductorConfig, conductorConfig, policyConfig, policyFrom } from "./config.ts";
export { type ConductorDependencies, startConductor } from "./start-conductor.ts";
