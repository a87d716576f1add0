export { type AmqpBusOptions, openAmqpBus } from "./amqp/amqp-bus.ts";
export { type RabbitMqPermissions, rabbitMqPermissions } from "./amqp/rabbitmq-permissions.ts";
export type { BrokerRole } from "./broker-role.ts";
export type { BrokerTls } from "./broker-tls.ts";
export {
  type Bus,
  type BusStatus,
  type CallOptions,
  type CastOptions,
  handle,
  type ReadRequest,
  type RpcContext,
  type RpcHandler,
  type RpcInfo,
  type RpcServer,
  type ServeOptions,
} from "./bus.ts";
export { type Access, type CallContract, type CastContract, defineCall, defineCast, type Schema } from "./contract.ts";
export { type InProcessBusOptions, openInProcessBus } from "./in-process-bus.ts";
export { type NatsBusOptions, openNatsBus } from "./nats/nats-bus.ts";
export { type NatsPermissions, natsPermissions } from "./nats/nats-permissions.ts";
export type { BusObserver } from "./observe-bus.ts";
export { type BusProcess, type BusSettings, openBus } from "./open-bus.ts";
export type { ParkedMessage, Release } from "./parked.ts";
export { agentUser, type Sender } from "./sender.ts";
export { contextOfTrace, currentTraceparent, isTraceparent } from "./trace-context.ts";
