export { type AuditView, auditView, recordAudit } from "./audit-rpc.ts";
export {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  checkDestinationReach,
  endStorageProof,
  findGuest,
  type GuestRequirements,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
  pauseInstance,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  type SourceLibvirtTls,
  type SourceTls,
  unpauseInstance,
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
  setMigrationPriority,
  tuneMigration,
} from "./conductor-rpc.ts";
export {
  type FleetEvent,
  fleetEvent,
  type MigrationChange,
  type MigrationEvent,
  migrationChange,
  migrationEvent,
} from "./events.ts";
export { deleteHost, hostSettings, updateHost } from "./host-rpc.ts";
export {
  aggregateChange,
  createAggregate,
  createServerGroup,
  deleteAggregate,
  deleteServerGroup,
  listAggregates,
  listServerGroups,
  newAggregate,
  newServerGroup,
  placementName,
  serverGroupChange,
  serverSettings,
  updateAggregate,
  updateServer,
  updateServerGroup,
} from "./placement-rpc.ts";
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
export { pauseServer, resetServerState, unpauseServer } from "./server-rpc.ts";
export { createToken, newToken, revokeToken, type TokenView, tokenId, tokenView } from "./token-rpc.ts";
export {
  type AggregateView,
  aggregateView,
  type HostView,
  hostView,
  type LogEntryView,
  logEntryView,
  type MigrationDetail,
  type MigrationView,
  migrationDetail,
  migrationView,
  type ProgressHistoryView,
  type ProgressView,
  progressHistoryView,
  requestAnswer,
  type ServerGroupView,
  type ServerView,
  serverGroupView,
  serverView,
} from "./views.ts";
export {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  listWebhooks,
  newWebhook,
  testWebhook,
  type WebhookView,
  webhookView,
} from "./webhook-rpc.ts";
