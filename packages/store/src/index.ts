export { type ClaimLimits, claimRefusal, type ServersApart } from "./claim-refusal.ts";
export { openPostgresStore, type PostgresStoreOptions } from "./open-postgres-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./open-sqlite-store.ts";
export { openStore, type StoreSettings } from "./open-store.ts";
export type {
  AdoptedMigration,
  AggregateChange,
  AggregateStore,
  ClaimStore,
  DestinationClaim,
  ExpectedVersion,
  FleetFigures,
  GuestStore,
  HeardOf,
  HostSettings,
  HostStore,
  HostUsage,
  ListedClaim,
  LogLine,
  MigrationChange,
  MigrationFilter,
  MigrationStore,
  NewAggregate,
  NewMigration,
  NewServerGroup,
  ProgressStore,
  QueuedMigration,
  ServerGroupChange,
  ServerGroupStore,
  ServerZoneStore,
  SlotAnswer,
  StateFigures,
  Store,
} from "./store.ts";
