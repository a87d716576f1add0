import { type Clock, DroverError, type Logger, type MigrationProgress, systemClock } from "@drover/model";
import type { Cluster, Redis } from "ioredis";
import { channelFeed } from "./channel-feed.ts";
import { HostPublication } from "./host-publication.ts";
import type { ChangeNotice, ProgressCache } from "./progress-cache.ts";
import { PublicationReader } from "./publication-reader.ts";
import { publicationFromText } from "./publication-text.ts";
import { definePublishScript } from "./publish-script.ts";
import { parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import { firstAttempt, redisCluster, redisConnection } from "./redis-connection.ts";
import { redisFailure } from "./redis-error.ts";
import { redisKeys } from "./redis-keys.ts";
import { forget, publish, readHistories, readSnapshots } from "./redis-layout.ts";

const COMMAND_TIMEOUT_MS = 1_000;

export interface RedisProgressOptions extends RedisAddress {
  /** First word of every key and channel, for several Drovers on one Redis. @default "drover" */
  readonly keyPrefix?: string;
  readonly logger: Logger;
  /** A command that has no answer by then is given up, ms: progress of the next tick is worth more. @default 1000 */
  readonly commandTimeoutMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Opens the cache in Redis 6.2 or later, one server or a Redis Cluster. Resolves after the first attempt to reach it, whether it succeeded or not:
 * while Redis is away every operation rejects with `unavailable` within a command's time, `ping` among them, nothing is queued,
 * and the connection comes back by itself.
 *
 * @throws `bad-request` for a URL that is none, or does not go with `cluster`.
 */
export async function openRedisProgress(options: RedisProgressOptions): Promise<ProgressCache> {
  const { keyPrefix = "drover", clock = systemClock, commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
  const address = parseRedisAddress(options);
  const target = { ...address, commandTimeoutMs };
  const { label } = address;
  const logger = options.logger.child({ redis: label });
  const keys = redisKeys(keyPrefix);
  const client: Redis | Cluster = address.cluster ? redisCluster(target, logger) : redisConnection(target, logger);
  definePublishScript(client);
  const feed = channelFeed({ target, pattern: keys.feeds, logger, read: newsOf });
  const changes = channelFeed<ChangeNotice>({
    ...{ target, pattern: keys.records, logger },
    read: () => "records-changed",
    afterGap: "records-changed",
  });
  const publications = new Map<string, HostPublication>();
  const reader = new PublicationReader();
  let closed = false;

  async function run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (closed) throw new DroverError("unavailable", `${doing}: the progress cache is closed`);
    try {
      return await work();
    } catch (error) {
      throw redisFailure(doing, address, error);
    }
  }

  await firstAttempt(client);
  return {
    publish: (host, snapshots) =>
      run("publishing progress", async () => {
        const nowMs = clock.monotonicMs();
        const publication = publications.get(host) ?? new HostPublication();
        publications.set(host, publication);
        if (publication.take(snapshots, nowMs) > 0) await publish(client, keys, host, publication, nowMs);
      }),
    read: (places) => run("reading progress", () => readSnapshots(client, keys, reader, places)),
    readHistories: (places) => run("reading histories of progress", () => readHistories(client, keys, reader, places)),
    forget: (places) => run("forgetting progress", () => forget(client, keys, reader, places)),
    subscribe: (listener) => run("subscribing to progress", () => feed.subscribe(listener)),
    announceChange: () =>
      run("announcing a change of records", async () => {
        await client.publish(keys.records, "");
      }),
    onChange: (listener) => run("listening for changes of records", () => changes.subscribe(listener)),
    ping: () =>
      run("asking Redis for a sign of life", async () => {
        await client.ping();
      }),
    close: async () => {
      closed = true;
      feed.close();
      changes.close();
      client.disconnect();
    },
  };
}

/** What is no snapshot, or was told before, is no news. */
function newsOf(text: string): readonly MigrationProgress[] | undefined {
  const news = publicationFromText(text).filter(({ ageMs }) => ageMs === 0);
  return news.length === 0 ? undefined : news.map(({ snapshot }) => snapshot);
}
