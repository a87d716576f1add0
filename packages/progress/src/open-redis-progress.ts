import {
  type AgedProgress,
  DroverError,
  type Logger,
  type MigrationProgress,
  type ProgressPoint,
  pointFromText,
  pointText,
} from "@drover/model";
import type { ChainableCommander, Cluster, Redis } from "ioredis";
import { channelFeed } from "./channel-feed.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { FIRST_SPACING_MS, HISTORY_POINTS, upToNewest } from "./history.ts";
import type { ChangeNotice, MigrationPlace, ProgressCache } from "./progress-cache.ts";
import { definePublishScript } from "./publish-script.ts";
import { parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import { firstAttempt, redisCluster, redisConnection } from "./redis-connection.ts";
import { redisFailure } from "./redis-error.ts";
import { type RedisKeys, redisKeys } from "./redis-keys.ts";
import { snapshotFromText, snapshotsFromText } from "./snapshot-text.ts";

export interface RedisProgressOptions extends RedisAddress {
  /** First word of every key and channel, for several Drovers on one Redis. @default "drover" */
  readonly keyPrefix?: string;
  readonly logger: Logger;
}

type Client = Redis | Cluster;

/**
 * Opens the cache in Redis 6.2 or later, one server or a Redis Cluster. Resolves after the first attempt to reach it, whether it succeeded or not:
 * while Redis is away every operation rejects with `unavailable` within a second, `ping` among them, nothing is queued,
 * and the connection comes back by itself.
 *
 * @throws `bad-request` for a URL that is none, or does not go with `cluster`.
 */
export async function openRedisProgress(options: RedisProgressOptions): Promise<ProgressCache> {
  const { keyPrefix = "drover" } = options;
  const address = parseRedisAddress(options);
  const { label } = address;
  const logger = options.logger.child({ redis: label });
  const keys = redisKeys(keyPrefix);
  const client: Client = address.cluster ? redisCluster(address, logger) : redisConnection(address, logger);
  definePublishScript(client);
  const feed = channelFeed({ address, pattern: keys.feeds, logger, read: newsOf });
  const changes = channelFeed<ChangeNotice>({
    ...{ address, pattern: keys.records, logger },
    read: () => "records-changed",
    afterGap: "records-changed",
  });
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
        if (snapshots.length > 0) await publish(client, keys, host, snapshots);
      }),
    read: (places) => run("reading progress", () => readSnapshots(client, keys, places)),
    readHistories: (places) => run("reading histories of progress", () => readHistories(client, keys, places)),
    forget: (places) =>
      run("forgetting progress", async () => {
        await eachHost(client, places, async (pipeline, own) => {
          for (const { host, migrationUuid } of own) {
            pipeline.del(keys.snapshot(host, migrationUuid), keys.history(host, migrationUuid));
          }
          await answers(pipeline);
        });
      }),
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

/** Nothing but what is no snapshot is no news. */
function newsOf(text: string): readonly MigrationProgress[] | undefined {
  const snapshots = snapshotsFromText(text);
  return snapshots.length === 0 ? undefined : snapshots;
}

async function publish(
  client: Client,
  keys: RedisKeys,
  host: string,
  snapshots: readonly MigrationProgress[],
): Promise<void> {
  const names = snapshots.flatMap(({ migrationUuid: uuid }) => [keys.snapshot(host, uuid), keys.history(host, uuid)]);
  const values = snapshots.flatMap((snapshot) => [
    String(snapshot.sequence),
    JSON.stringify(snapshot),
    pointText(snapshot),
  ]);
  const settings = [keys.feed(host), String(EXPIRY_MS), String(HISTORY_POINTS), String(FIRST_SPACING_MS)];
  await client.publishProgress(names.length, ...names, ...settings, ...values);
}

async function readSnapshots(
  client: Client,
  keys: RedisKeys,
  places: readonly MigrationPlace[],
): Promise<ReadonlyMap<string, AgedProgress>> {
  const found = new Map<string, AgedProgress>();
  await eachHost(client, places, async (pipeline, own) => {
    for (const { host, migrationUuid } of own) {
      const key = keys.snapshot(host, migrationUuid);
      pipeline.hget(key, "snapshot").pttl(key);
    }
    const replies = await answers(pipeline);
    for (const [at, { migrationUuid }] of own.entries()) {
      const snapshot = snapshotIn(replies[2 * at], migrationUuid);
      if (snapshot === undefined) continue;
      const ageMs = Math.max(0, EXPIRY_MS - Number(replies[2 * at + 1]));
      found.set(migrationUuid, { snapshot, ageMs });
    }
  });
  return found;
}

async function readHistories(
  client: Client,
  keys: RedisKeys,
  places: readonly MigrationPlace[],
): Promise<ReadonlyMap<string, readonly ProgressPoint[]>> {
  const found = new Map<string, readonly ProgressPoint[]>();
  await eachHost(client, places, async (pipeline, own) => {
    for (const { host, migrationUuid } of own) {
      pipeline.lrange(keys.history(host, migrationUuid), 0, -1);
      pipeline.hget(keys.snapshot(host, migrationUuid), "snapshot");
    }
    const replies = await answers(pipeline);
    for (const [at, { migrationUuid }] of own.entries()) {
      const [history, newest] = [replies[2 * at], replies[2 * at + 1]];
      const points = texts(history).flatMap((text) => pointFromText(text) ?? []);
      const whole = upToNewest(points, snapshotIn(newest, migrationUuid));
      if (whole.length > 0) found.set(migrationUuid, whole);
    }
  });
  return found;
}

/** What a host has written where a migration's snapshot belongs; `undefined` for another migration's, or none at all. */
function snapshotIn(text: unknown, migrationUuid: string): MigrationProgress | undefined {
  const snapshot = typeof text === "string" ? snapshotFromText(text) : undefined;
  return snapshot?.migrationUuid === migrationUuid ? snapshot : undefined;
}

/**
 * A pipeline for each host's migrations, all under way at once: a host's keys lie on one node, and those of several hosts
 * may not. Rejects with the first failure.
 */
async function eachHost(
  client: Client,
  places: readonly MigrationPlace[],
  ask: (pipeline: ChainableCommander, own: readonly MigrationPlace[]) => Promise<void>,
): Promise<void> {
  const byHost = Map.groupBy(places, ({ host }) => host);
  await Promise.all([...byHost.values()].map((own) => ask(client.pipeline(), own)));
}

/** The answers of a pipeline, in order; the first failure among them is thrown. */
async function answers(pipeline: ChainableCommander): Promise<readonly unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}

function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.filter((value) => typeof value === "string") : [];
}
