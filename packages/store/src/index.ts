export { openPostgresStore, type PostgresStoreOptions } from "./open-postgres-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./open-sqlite-store.ts";
export { openStore, type StoreSettings } from "./open-store.ts";
export type {
  ClaimStore,
  DestinationClaim,
  ExpectedVersion,
  GuestStore,
  HostStore,
  LogLine,
  MigrationChange,
  MigrationFilter,
  MigrationStore,
  NewMigration,
  ProgressStore,
  Store,
} from "./store.ts";
