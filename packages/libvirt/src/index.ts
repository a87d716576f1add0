export type { Call } from "./calls/call.ts";
export type { DomainCapabilitiesQuery } from "./calls/connect-calls.ts";
export type { DomainStats, MetadataElement } from "./calls/domain-calls.ts";
export { type ConnectionOptions, LibvirtConnection, type SubscriptionOptions } from "./connection.ts";
export * from "./constants/domain-constants.ts";
export * from "./constants/error-codes.ts";
export * from "./constants/event-constants.ts";
export * from "./constants/host-constants.ts";
export * from "./constants/job-constants.ts";
export * from "./constants/migration-constants.ts";
export * from "./constants/storage-constants.ts";
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
