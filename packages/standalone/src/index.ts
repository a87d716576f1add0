export { type SimulatorConfig, simulatorConfig } from "./simulator-config.ts";
export { type Standalone, type StandaloneOptions, startStandalone } from "./start-standalone.ts";
