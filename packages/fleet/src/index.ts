export { viewAudit, viewToken } from "./access-views.ts";
export {
  createFleet,
  type Fleet,
  inOrderOfName,
  isUuid,
  type KnownHost,
  type KnownServer,
  type KnownServerGroup,
} from "./fleet.ts";
export { createMigrationViews, type MigrationQuery, type MigrationViews } from "./migration-views.ts";
export { type ProgressHistoryReader, progressHistoryReader } from "./progress-history.ts";
export { type KnownProgress, type ProgressReader, progressReader } from "./progress-reader.ts";
export { type QueuePlace, queuePlaces } from "./queue-places.ts";
export {
  viewAggregate,
  viewChange,
  viewHost,
  viewLogEntry,
  viewMigration,
  viewProgress,
  viewServer,
  viewServerGroup,
} from "./views.ts";
