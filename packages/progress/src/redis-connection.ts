import { DroverError, type Logger } from "@drover/model";
import { Redis, type RedisOptions } from "ioredis";
import { withoutCommand } from "./redis-error.ts";

const CONNECT_TIMEOUT_MS = 3_000;
/** A command that has no answer by then is given up: progress of the next tick is worth more. */
const COMMAND_TIMEOUT_MS = 1_000;
/** A connection from which nothing comes for so long, though something is due, is replaced. */
const SILENCE_TIMEOUT_MS = 4_000;
const FIRST_RECONNECT_MS = 50;
const LONGEST_RECONNECT_MS = 3_000;

const connectionOptions: RedisOptions = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SILENCE_TIMEOUT_MS,
  // While Redis is away commands fail at once; nothing is kept for later and nothing is sent twice.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  retryStrategy: (attempt) =>
    Math.min(FIRST_RECONNECT_MS * 2 ** Math.min(attempt - 1, 10), LONGEST_RECONNECT_MS) * (0.75 + Math.random() / 4),
  // After a fail-over the old master answers every write with this: look for the new one.
  reconnectOnError: (error) => error.message.startsWith("READONLY"),
  lazyConnect: true,
};

/** Where Redis is, and by whom its certificate is signed. */
export interface RedisAddress {
  /** `redis://user:password@host:port/0`, or `rediss://` for TLS. Never logged. */
  readonly url: string;
  /** PEM of the CA that signed its certificate, for `rediss://`. @default those that the system trusts */
  readonly ca?: Buffer;
}

/** Host, port and database number of a Redis URL; the URL itself may hold a password. @throws `bad-request` */
export function redisLabel(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["redis:", "rediss:"].includes(parsed.protocol)) {
    throw new DroverError("bad-request", "opening the progress cache: the URL must look like redis://user@host:port/0");
  }
  return `${parsed.hostname}:${parsed.port === "" ? "6379" : parsed.port}${parsed.pathname}`;
}

/**
 * A connection that comes back for ever by itself, logging once when it is lost and once when it is back.
 * Not connected yet: see {@link firstAttempt}.
 */
export function redisConnection({ url, ca }: RedisAddress, logger: Logger): Redis {
  const client = new Redis(url, { ...connectionOptions, ...(ca === undefined ? {} : { tls: { ca } }) });
  let away = false;
  let lastError: Error | undefined;
  client.on("error", (error) => {
    lastError = withoutCommand(error);
  });
  // Not "close", which an intended end brings too.
  client.on("reconnecting", () => {
    if (away) return;
    away = true;
    logger.warn({ err: lastError }, "connection to Redis lost, trying to get it back");
  });
  client.on("ready", () => {
    if (away) logger.info({}, "connection to Redis is there again");
    away = false;
    lastError = undefined;
  });
  return client;
}

/** Starts to connect; resolves when that has succeeded or failed once. */
export async function firstAttempt(client: Redis): Promise<void> {
  await client.connect().catch(() => {});
}
