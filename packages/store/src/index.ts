export { type ClaimLimits, claimRefusal } from "./claim-refusal.ts";
export { openPostgresStore, type PostgresStoreOptions } from "./open-postgres-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./open-sqlite-store.ts";
export { openStore, type StoreSettings } from "./open-store.ts";
export type {
  AdoptedMigration,
  ClaimStore,
  DestinationClaim,
  ExpectedVersion,
  GuestStore,
  HeardOf,
  HostSettings,
  HostStore,
  LogLine,
  MigrationChange,
  MigrationFilter,
  MigrationStore,
  NewMigration,
  ProgressStore,
  QueuedMigration,
  SlotAnswer,
  Store,
} from "./store.ts";
