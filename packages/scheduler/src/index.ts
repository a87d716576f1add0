export { type SchedulerConfig, schedulerConfig } from "./config.ts";
export { type SchedulerDependencies, startScheduler } from "./start-scheduler.ts";
