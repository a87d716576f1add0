export {
  type AccessToken,
  isInForce,
  isOwnToken,
  isSecretOf,
  type MintedToken,
  mayAct,
  mintToken,
  parseToken,
  ROLES,
  type Role,
} from "./access-token.ts";
export type { AuditEntry } from "./audit.ts";
export { type Clock, pause, systemClock } from "./clock.ts";
export type { DiskToMove, PoolVolume, PreparedDisk, StorageProof } from "./disk.ts";
export {
  beforeSchedules,
  completePolicy,
  type EffectivePolicy,
  effectivePolicy,
  type PolicyLayer,
  type PolicyOrigins,
} from "./effective-policy.ts";
export {
  DroverError,
  type DroverErrorOptions,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  errorChain,
  errorCodeOf,
  isDroverError,
  type SerializedError,
  serializeError,
} from "./error.ts";
export {
  type ExpectedStandstill,
  expectedStandstill,
  type ForceCompleteMethod,
  isChosen,
} from "./expected-standstill.ts";
export {
  GUEST_STANDINGS,
  type GuestSighting,
  type GuestStanding,
  INACTIVE_STATES,
  isActive,
  type ObservedGuest,
  type PowerState,
  type Server,
  type ServerLock,
  serverFromSightings,
} from "./guest.ts";
export {
  type Host,
  type HostFacts,
  type HostMaintenance,
  isHostUp,
  REPORT_INTERVAL_MS,
  SERVICE_DOWN_TIME_MS,
  wasHeardOf,
  whyHostIsDown,
} from "./host.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export type {
  ChosenFlag,
  DestinationPreparation,
  DestinationTls,
  HostWord,
  LoggedRequest,
  Migration,
  MigrationLogEntry,
  MigrationNumbers,
  MigrationOutcome,
  MigrationProof,
  MigrationStepOutputs,
  MigrationTuning,
  PostCopyResume,
} from "./migration.ts";
export {
  answerPriority,
  answerRequest,
  answerResume,
  answerTuning,
  type MigrationRequest,
  type RequestAnswer,
  type RequestedMigration,
} from "./migration-request.ts";
export {
  COPYING,
  HOLDS_DESTINATION_CLAIM,
  HOLDS_SOURCE_SLOT,
  IN_PROGRESS,
  MIGRATION_EVENTS,
  MIGRATION_STATES,
  type MigrationEvent,
  type MigrationState,
  nextState,
  RECONCILED,
  SHOWN_STATUS,
  TERMINAL,
  transitions,
} from "./migration-state.ts";
export {
  AGGREGATE_SPECS,
  type Aggregate,
  aggregateSpecs,
  aggregatesByHost,
  DEFAULT_AVAILABILITY_ZONE,
  SERVER_GROUP_POLICIES,
  type ServerGroup,
  type ServerGroupPolicy,
  zoneBy,
} from "./placement.ts";
export {
  COMPRESSIONS,
  type Compression,
  completionTimeoutMs,
  defaultPolicy,
  type MigrationPolicy,
  migrationSizeGiB,
} from "./policy.ts";
export { type PolicyStep, RUN_TIME_ACTIONS, type RunTimeAction, whyNoStep } from "./policy-step.ts";
export { type EliminatedHost, failedChecks, type HostWeight, type PreCheck, weightWords } from "./pre-check.ts";
export { type AgedProgress, type MigrationProgress, memoryPercent } from "./progress.ts";
export { type ProgressPoint, pointFromText, pointText, progressPoint } from "./progress-point.ts";
export type { ServerAction, ServerActionName } from "./server-action.ts";
export { noSuchWebhook, type Webhook } from "./webhook.ts";
