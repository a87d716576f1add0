import type { EventEmitter } from "node:events";
import type { Logger } from "@drover/model";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { ParsedAddress } from "./redis-address.ts";
import { withoutCommand } from "./redis-error.ts";

const CONNECT_TIMEOUT_MS = 3_000;
/** A connection from which nothing comes for so many times a command's time, though something is due, is replaced. */
const SILENT_COMMANDS = 4;
const FIRST_RECONNECT_MS = 50;
const LONGEST_RECONNECT_MS = 3_000;
const CLUSTER_TRIES = 5;
const CLUSTER_TRY_EVERY_MS = 100;

/** Where Redis is, and how long it may take. */
export interface RedisTarget extends ParsedAddress {
  /** A command that has no answer by then is given up, ms. */
  readonly commandTimeoutMs: number;
}

const connectionOptions = ({ commandTimeoutMs, login, tls }: RedisTarget) =>
  ({
    ...login,
    ...(tls === undefined ? {} : { tls }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs,
    socketTimeout: SILENT_COMMANDS * commandTimeoutMs,
    // While Redis is away commands fail at once; nothing is kept for later and nothing is sent twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    lazyConnect: true,
  }) satisfies RedisOptions;

/**
 * A connection that comes back for ever by itself, logging once when it is lost and once when it is back. Of a cluster it is to
 * one node, another one each time that it is lost, which does for channels: what is published at any node is told by all.
 * Not connected yet: see {@link firstAttempt}.
 */
export function redisConnection(target: RedisTarget, logger: Logger): Redis {
  const { nodes, db } = target;
  const client = new Redis({
    ...{ ...connectionOptions(target), ...nodes[0], db },
    retryStrategy: (attempt) => {
      Object.assign(client.options, nodes[attempt % nodes.length]);
      return reconnectAfterMs(attempt);
    },
    // After a fail-over the old master answers every write with this: look for the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  return loggingItsAbsence(client, logger);
}

/** The same to all nodes of a cluster, each command at the node that has its keys. */
export function redisCluster(target: RedisTarget, logger: Logger): Cluster {
  const client = new Cluster([...target.nodes], {
    redisOptions: connectionOptions(target),
    enableOfflineQueue: false,
    lazyConnect: true,
    clusterRetryStrategy: reconnectAfterMs,
    // A node that announces its name is connected to by it: its certificate names no address.
    dnsLookup: (address, callback) => callback(null, address),
    slotsRefreshTimeout: target.commandTimeoutMs,
    // Where a node has gone, the others are asked again a few times: within the time of a command.
    maxRedirections: CLUSTER_TRIES,
    retryDelayOnFailover: CLUSTER_TRY_EVERY_MS,
    retryDelayOnClusterDown: CLUSTER_TRY_EVERY_MS,
    retryDelayOnTryAgain: CLUSTER_TRY_EVERY_MS,
  });
  return loggingItsAbsence(client, logger);
}

function reconnectAfterMs(attempt: number): number {
  const withoutSpread = Math.min(FIRST_RECONNECT_MS * 2 ** Math.min(attempt - 1, 10), LONGEST_RECONNECT_MS);
  return withoutSpread * (0.75 + Math.random() / 4);
}

function loggingItsAbsence<Client extends Redis | Cluster>(client: Client, logger: Logger): Client {
  const events: EventEmitter = client;
  let away = false;
  let lastError: Error | undefined;
  events.on("error", (error) => {
    lastError = withoutCommand(error);
  });
  // Not "close", which an intended end brings too.
  events.on("reconnecting", () => {
    if (away) return;
    away = true;
    logger.warn({ err: lastError }, "connection to Redis lost, trying to get it back");
  });
  events.on("ready", () => {
    if (away) logger.info({}, "connection to Redis is there again");
    away = false;
    lastError = undefined;
  });
  return client;
}

/** Starts to connect; resolves when that has succeeded or failed once. */
export async function firstAttempt(client: Redis | Cluster): Promise<void> {
  await new Promise<void>((resolve) => {
    // A cluster that says of itself that it is down closes, and its promise is never kept.
    client.once("close", resolve);
    client.connect().then(resolve, resolve);
  });
}
