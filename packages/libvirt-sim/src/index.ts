export { demoFleet } from "./demo-fleet.ts";
export type { CallFault, FaultBoard, SwitchOverDeath } from "./fault-board.ts";
export type { GuestOptions } from "./guest-spec.ts";
export type { GuestTruth } from "./guest-truth.ts";
export type { HostOptions } from "./host-spec.ts";
export { hurriedClock } from "./hurried-clock.ts";
export type { MemoryLoad } from "./memory-load.ts";
export type { LinkCondition, LinkSpec } from "./network.ts";
export type { MigrationTimings } from "./simulated-migration.ts";
export {
  type FleetSpec,
  type RunningFleet,
  type SimulatedFleetOptions,
  type SimulatedHostHandle,
  startSimulatedFleet,
} from "./start-simulated-fleet.ts";
