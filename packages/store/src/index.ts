export { type ClaimLimits, claimRefusal, type ServersApart } from "./claim-refusal.ts";
export type {
  AdoptedMigration,
  ClaimStore,
  DestinationClaim,
  ExpectedVersion,
  ListedClaim,
  LogLine,
  LogRange,
  MigrationChange,
  MigrationFilter,
  MigrationStore,
  NewMigration,
  QueuedMigration,
  SlotAnswer,
} from "./migration-store.ts";
export { openPostgresStore, type PostgresStoreOptions } from "./open-postgres-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./open-sqlite-store.ts";
export { openStore, type StoreSettings } from "./open-store.ts";
export type {
  HostUsage,
  PlacementHost,
  PlacementQuestion,
  PlacementReading,
  PlacementStore,
} from "./placement-store.ts";
export type {
  AggregateChange,
  AggregateStore,
  AuditFilter,
  AuditStore,
  DutyStore,
  FleetFigures,
  GuestStore,
  HeardOf,
  HostSettings,
  HostStore,
  NewAggregate,
  NewAuditEntry,
  NewServerAction,
  NewServerGroup,
  NewToken,
  NewWebhook,
  ProgressStore,
  ServerActionStore,
  ServerGroupChange,
  ServerGroupStore,
  ServerName,
  ServerZoneStore,
  StateFigures,
  Store,
  TokenStore,
  WebhookStore,
} from "./store.ts";
