import { randomUUID } from "node:crypto";
import { DroverError, type Logger, type MigrationProgress } from "@drover/model";
import type { ChainableCommander, Redis } from "ioredis";
import { channelFeed } from "./channel-feed.ts";
import { EXPIRY_MS } from "./expiry.ts";
import type { ChangeNotice, ProgressCache } from "./progress-cache.ts";
import { definePublishScript } from "./publish-script.ts";
import { firstAttempt, type RedisAddress, redisConnection, redisLabel } from "./redis-connection.ts";
import { redisFailure } from "./redis-error.ts";
import { type RedisKeys, redisKeys } from "./redis-keys.ts";
import { snapshotFromText, snapshotsFromText } from "./snapshot-text.ts";

export interface RedisProgressOptions extends RedisAddress {
  /** First word of every key and channel, for several Drovers on one Redis. @default "drover" */
  readonly keyPrefix?: string;
  readonly logger: Logger;
}

/** Members of the sorted set that one `changedSince` looks at for migrations that have expired. */
const SWEEP_LENGTH = 100;

/**
 * Opens the cache in Redis 6.2 or later. Resolves after the first attempt to reach it, whether it succeeded or not:
 * while Redis is away every operation rejects with `unavailable` within a second, `ping` among them, nothing is queued,
 * and the connection comes back by itself.
 *
 * @throws `bad-request` for a URL that is none.
 */
export async function openRedisProgress(options: RedisProgressOptions): Promise<ProgressCache> {
  const { keyPrefix = "drover" } = options;
  const label = redisLabel(options.url);
  const logger = options.logger.child({ redis: label });
  const keys = redisKeys(keyPrefix);
  const client = redisConnection(options, logger);
  definePublishScript(client);
  const feed = channelFeed({ address: options, channel: keys.feed, logger, read: newsOf });
  const changes = channelFeed<ChangeNotice>({
    ...{ address: options, channel: keys.records, logger },
    read: () => "records-changed",
    afterGap: "records-changed",
  });
  const epoch = randomUUID();
  let closed = false;

  async function run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (closed) throw new DroverError("unavailable", `${doing}: the progress cache is closed`);
    try {
      return await work();
    } catch (error) {
      throw redisFailure(doing, label, error);
    }
  }

  await firstAttempt(client);
  return {
    publish: (host, snapshots) =>
      run("publishing progress", async () => {
        if (snapshots.length > 0) await publish({ client, keys, epoch }, host, snapshots);
      }),
    read: (migrationUuids) => run("reading progress", () => readSnapshots(client, keys, migrationUuids)),
    changedSince: (cursor) => run("reading changed progress", () => changedSince(client, keys, cursor)),
    forget: (migrationUuids) =>
      run("forgetting progress", async () => {
        if (migrationUuids.length === 0) return;
        await answers(
          client
            .multi()
            .del(...migrationUuids.map(keys.snapshot))
            .zrem(keys.changes, ...migrationUuids),
        );
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
  { client, keys, epoch }: { readonly client: Redis; readonly keys: RedisKeys; readonly epoch: string },
  host: string,
  snapshots: readonly MigrationProgress[],
): Promise<void> {
  const snapshotKeys = snapshots.map((snapshot) => keys.snapshot(snapshot.migrationUuid));
  const values = snapshots.flatMap((snapshot) => [
    snapshot.migrationUuid,
    String(snapshot.sequence),
    JSON.stringify(snapshot),
  ]);
  await client.publishProgress(
    snapshotKeys.length + 2,
    ...[keys.clock, keys.changes, ...snapshotKeys],
    ...[keys.feed, epoch, String(EXPIRY_MS), host, ...values],
  );
}

async function readSnapshots(
  client: Redis,
  keys: RedisKeys,
  migrationUuids: readonly string[],
): Promise<ReadonlyMap<string, MigrationProgress>> {
  const found = new Map<string, MigrationProgress>();
  if (migrationUuids.length === 0) return found;
  const pipeline = client.pipeline();
  for (const uuid of migrationUuids) pipeline.hget(keys.snapshot(uuid), "snapshot");
  for (const text of await answers(pipeline)) {
    const snapshot = typeof text === "string" ? snapshotFromText(text) : undefined;
    if (snapshot !== undefined) found.set(snapshot.migrationUuid, snapshot);
  }
  return found;
}

/**
 * A cursor is `epoch:count`. When Redis lost its data, or a replica that took over knows less, epoch or count tell, and
 * everything there is counts as changed: readers keep the newest, so hearing twice harms nobody.
 */
async function changedSince(
  client: Redis,
  keys: RedisKeys,
  cursor: string | null,
): Promise<{ readonly progress: readonly MigrationProgress[]; readonly cursor: string }> {
  const since = parseCursor(cursor);
  const [clock, newer, oldest] = await answers(
    client
      .multi()
      .hmget(keys.clock, "epoch", "changes")
      .zrange(keys.changes, `(${since.count}`, "+inf", "BYSCORE")
      .zrange(keys.changes, "0", String(SWEEP_LENGTH - 1), "WITHSCORES"),
  );
  const [epoch = "", changes = "0"] = texts(clock);
  const count = Number(changes);
  const sameCount = epoch === since.epoch && since.count <= count;
  const uuids = sameCount ? texts(newer) : await client.zrange(keys.changes, "0", "-1");
  const progress = [...(await readSnapshots(client, keys, uuids)).values()];
  await sweepExpired(client, keys, texts(oldest));
  return { progress, cursor: `${epoch}:${count}` };
}

/**
 * Takes migrations out of the sorted set whose snapshots have expired. The longest unchanged stand in front and expire
 * first, so the first one that is still there ends the sweep; removal is by count, which a migration that has changed
 * meanwhile no longer has.
 */
async function sweepExpired(client: Redis, keys: RedisKeys, uuidsWithCounts: readonly string[]): Promise<void> {
  const uuids = uuidsWithCounts.filter((_, n) => n % 2 === 0);
  if (uuids.length === 0) return;
  const pipeline = client.pipeline();
  for (const uuid of uuids) pipeline.exists(keys.snapshot(uuid));
  const firstPresent = (await answers(pipeline)).indexOf(1);
  const expired = firstPresent === -1 ? uuids.length : firstPresent;
  const lastCount = uuidsWithCounts[2 * expired - 1];
  if (lastCount !== undefined) await client.zremrangebyscore(keys.changes, "-inf", lastCount);
}

function parseCursor(cursor: string | null): { readonly epoch: string; readonly count: number } {
  const [epoch = "", count = "0"] = (cursor ?? "").split(":");
  return { epoch, count: Number(count) || 0 };
}

/** The answers of a pipeline or transaction, in order; the first failure among them is thrown. */
async function answers(commands: ChainableCommander): Promise<readonly unknown[]> {
  const replies = await commands.exec();
  if (replies === null) throw new Error("the transaction was given up");
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}

function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.filter((value) => typeof value === "string") : [];
}
