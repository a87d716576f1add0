export { ApiError, type ApiErrorDetails, type ApiErrorFields, ApiUnreachableError } from "./api-error.ts";
export {
  type DroverClient,
  type DroverOptions,
  type MigrateOptions,
  type MigrationFilter,
  openDrover,
  type ParkedFilter,
  type ServerFilter,
} from "./open-drover.ts";
export type {
  HostDeparturesView,
  HostList,
  HostView,
  MigrationDetail,
  MigrationList,
  MigrationPreflightView,
  MigrationStarted,
  MigrationView,
  ParkedList,
  ParkedReleased,
  ParkedView,
  ProgressView,
  RequestAnswerView,
  ServerDetail,
  ServerList,
  ServerView,
} from "./views.ts";
