export {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  findGuest,
  type GuestRequirements,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  type SourceLibvirtTls,
  type SourceTls,
} from "./compute-rpc.ts";
export {
  abortMigration,
  forceCompleteMigration,
  type HeldMigration,
  liveMigrateInstance,
  MAX_HELD_MIGRATIONS,
  migrationChanged,
  reportHeartbeat,
  reportHeldMigrations,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
  resumeMigration,
  tuneMigration,
} from "./conductor-rpc.ts";
export { hostSettings, updateHost } from "./host-rpc.ts";
export {
  forceCompleteMethod,
  migrationPolicy,
  type RequestedPolicy,
  requestedPolicy,
  stepAction,
  tuningLimits,
} from "./policy-schemas.ts";
export {
  type HostDeparturesView,
  hostDeparturesView,
  hostMigrationPreflight,
  type MigrationPreflightView,
  migrationPreflight,
  migrationPreflightView,
} from "./preflight-rpc.ts";
export {
  getMigration,
  getServer,
  listHosts,
  listMigrations,
  listServers,
  MAX_PAGE_ROWS,
} from "./reading-rpc.ts";
export { selectDestinations } from "./scheduler-rpc.ts";
export { hostName, migrationPriority, serializedError } from "./schemas.ts";
export {
  type HostView,
  hostView,
  type LogEntryView,
  logEntryView,
  type MigrationDetail,
  type MigrationView,
  migrationDetail,
  migrationView,
  type ProgressView,
  requestAnswer,
  type ServerView,
  serverView,
} from "./views.ts";
