export type { Call } from "./calls/call.ts";
export type { DomainCapabilitiesQuery } from "./calls/connect-calls.ts";
export type { DomainStats, MetadataElement } from "./calls/domain-calls.ts";
export type { TransferOptions } from "./calls/volume-streams.ts";
export { type ConnectionOptions, LibvirtConnection, type SubscriptionOptions } from "./connection.ts";
export {
  VIR_CONNECT_GET_ALL_DOMAINS_STATS,
  VIR_CONNECT_LIST_DOMAINS,
  VIR_DOMAIN_AFFECT,
  VIR_DOMAIN_DEFINE,
  VIR_DOMAIN_DESTROY,
  VIR_DOMAIN_DIRTYRATE,
  VIR_DOMAIN_METADATA,
  VIR_DOMAIN_PAUSED_REASON,
  VIR_DOMAIN_RUNNING_REASON,
  VIR_DOMAIN_SHUTOFF_REASON,
  VIR_DOMAIN_START,
  VIR_DOMAIN_STATE,
  VIR_DOMAIN_STATS,
  VIR_DOMAIN_UNDEFINE,
  VIR_DOMAIN_XML,
} from "./constants/domain-constants.ts";
export { VIR_ERR, VIR_ERR_LEVEL, VIR_FROM, type VirErrName, virErrName } from "./constants/error-codes.ts";
export {
  VIR_DOMAIN_EVENT,
  VIR_DOMAIN_EVENT_DEFINED_DETAIL,
  VIR_DOMAIN_EVENT_ID,
  VIR_DOMAIN_EVENT_RESUMED_DETAIL,
  VIR_DOMAIN_EVENT_SHUTDOWN_DETAIL,
  VIR_DOMAIN_EVENT_STARTED_DETAIL,
  VIR_DOMAIN_EVENT_STOPPED_DETAIL,
  VIR_DOMAIN_EVENT_SUSPENDED_DETAIL,
  VIR_DOMAIN_EVENT_UNDEFINED_DETAIL,
} from "./constants/event-constants.ts";
export {
  VIR_CONNECT,
  VIR_CONNECT_BASELINE_CPU,
  VIR_CONNECT_COMPARE_CPU,
  VIR_CPU_COMPARE,
  VIR_DRV_FEATURE,
} from "./constants/host-constants.ts";
export {
  VIR_DOMAIN_ABORT_JOB,
  VIR_DOMAIN_BLOCK_JOB,
  VIR_DOMAIN_BLOCK_JOB_SPEED,
  VIR_DOMAIN_BLOCK_JOB_TYPE,
  VIR_DOMAIN_JOB,
  VIR_DOMAIN_JOB_OPERATION,
  VIR_DOMAIN_JOB_STATS,
} from "./constants/job-constants.ts";
export { VIR_DOMAIN_MIGRATE_MAX_SPEED, VIR_MIGRATE, VIR_MIGRATE_PARAM } from "./constants/migration-constants.ts";
export {
  VIR_CONNECT_LIST_STORAGE_POOLS,
  VIR_STORAGE_POOL,
  VIR_STORAGE_POOL_BUILD,
  VIR_STORAGE_POOL_CREATE,
  VIR_STORAGE_VOL,
  VIR_STORAGE_VOL_CREATE,
  VIR_STORAGE_VOL_DELETE,
  VIR_STORAGE_VOL_SPARSE_STREAM,
  VIR_STORAGE_XML,
} from "./constants/storage-constants.ts";
export type { DomainEvent, DomainEventType, EventsLost } from "./domain-events.ts";
export { DomainEventStream } from "./event-stream.ts";
export { LibvirtHost } from "./host.ts";
export { decodeJobStats, type JobOperation, type JobStats, type JobType } from "./job-stats.ts";
export { isLibvirtError, LibvirtError, type LibvirtErrorFields } from "./libvirt-error.ts";
export { encodeMigrationParams, type MigrationParams } from "./migration-params.ts";
export type { EventBody, EventName } from "./procedures/event-messages.ts";
export type { ArgsOf, ProcedureName, RetOf } from "./procedures/procedure-table.ts";
export type { Domain, StoragePool, StorageVol, TypedParam } from "./procedures/shared-structures.ts";
export type {
  LibvirtHandlers,
  OutgoingReply,
  ReplyFate,
  ServerEvent,
  ServerOptions,
} from "./server/libvirt-handlers.ts";
export { serveConnection } from "./server/serve-connection.ts";
export { LibvirtServerSession } from "./server/server-session.ts";
export { type DialOptions, dial } from "./transport/dial.ts";
export {
  DEFAULT_SOCKET_PATH,
  DEFAULT_TCP_PORT,
  DEFAULT_TLS_PORT,
  type LibvirtAddress,
  parseLibvirtUri,
} from "./transport/libvirt-uri.ts";
export type { TlsMaterial } from "./transport/tls-dialer.ts";
export { booleanParam, exactNumber, numberParam, stringParam, stringParams } from "./typed-params.ts";
export { type CallOptions, DEFAULT_DEADLINE_MS } from "./wire/call-options.ts";
export type { KeepaliveOptions } from "./wire/keepalive.ts";
export type { RpcChannelOptions } from "./wire/rpc-channel.ts";
export type { StartTimer } from "./wire/start-timer.ts";
export { isHole, type StreamHole } from "./wire/stream-hole.ts";
