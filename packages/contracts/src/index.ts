export {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  findGuest,
  type GuestRequirements,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "./compute-rpc.ts";
export {
  abortMigration,
  forceCompleteMigration,
  liveMigrateInstance,
  migrationChanged,
  reportHeartbeat,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
} from "./conductor-rpc.ts";
export { selectDestinations } from "./scheduler-rpc.ts";
export {
  chosenFlag,
  hostFacts,
  hostName,
  migrationPolicy,
  migrationProgress,
  powerState,
  serializedError,
} from "./schemas.ts";
