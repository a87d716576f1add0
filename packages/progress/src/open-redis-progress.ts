import {
  type AgedProgress,
  type Clock,
  DroverError,
  type Logger,
  type MigrationProgress,
  type ProgressPoint,
  pointFromText,
  systemClock,
} from "@drover/model";
import type { ChainableCommander, Cluster, Redis } from "ioredis";
import { channelFeed } from "./channel-feed.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { HISTORY_POINTS, upToNewest } from "./history.ts";
import { HostPublication } from "./host-publication.ts";
import type { ChangeNotice, MigrationPlace, ProgressCache } from "./progress-cache.ts";
import { PublicationReader } from "./publication-reader.ts";
import { publicationFromText } from "./publication-text.ts";
import { definePublishScript } from "./publish-script.ts";
import { parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import { firstAttempt, redisCluster, redisConnection } from "./redis-connection.ts";
import { redisFailure } from "./redis-error.ts";
import { type RedisKeys, redisKeys } from "./redis-keys.ts";

export interface RedisProgressOptions extends RedisAddress {
  /** First word of every key and channel, for several Drovers on one Redis. @default "drover" */
  readonly keyPrefix?: string;
  readonly logger: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
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
  const { keyPrefix = "drover", clock = systemClock } = options;
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

async function publish(
  client: Client,
  keys: RedisKeys,
  host: string,
  publication: HostPublication,
  nowMs: number,
): Promise<void> {
  const parts = publication.takeHistories();
  const names = [keys.snapshots(host), ...parts.map(({ migrationUuid }) => keys.history(host, migrationUuid))];
  const settings = [keys.feed(host), publication.text(nowMs), String(EXPIRY_MS), String(HISTORY_POINTS)];
  const points = parts.flatMap((part) => [String(part.expiryMs), String(part.points.length), ...part.points]);
  const lengths = await client.publishProgress(names.length, ...names, ...settings, ...points);
  for (const [at, part] of parts.entries()) publication.noteWritten(part, Number(lengths[at]));
}

async function readSnapshots(
  client: Client,
  keys: RedisKeys,
  publications: PublicationReader,
  places: readonly MigrationPlace[],
): Promise<ReadonlyMap<string, AgedProgress>> {
  const byHost = Map.groupBy(places, ({ host }) => host);
  const published = await askHosts(client, [...byHost.keys()], (pipeline, host) => askSnapshots(pipeline, keys, host));
  const found = new Map<string, AgedProgress>();
  for (const [host, own] of byHost) {
    const [text, remainingMs] = published.get(host) ?? [];
    const known = publications.read(host, text);
    for (const { migrationUuid } of own) {
      const numbers = known.get(migrationUuid);
      if (numbers === undefined) continue;
      const { snapshot, ageMs } = numbers;
      found.set(migrationUuid, { snapshot, ageMs: ageMs + writtenAgoMs(remainingMs) });
    }
  }
  return found;
}

async function readHistories(
  client: Client,
  keys: RedisKeys,
  publications: PublicationReader,
  places: readonly MigrationPlace[],
): Promise<ReadonlyMap<string, readonly ProgressPoint[]>> {
  const byHost = Map.groupBy(places, ({ host }) => host);
  const kept = await askHosts(client, [...byHost.keys()], (pipeline, host) => {
    pipeline.get(keys.snapshots(host));
    for (const { migrationUuid } of byHost.get(host) ?? []) pipeline.lrange(keys.history(host, migrationUuid), 0, -1);
  });
  const found = new Map<string, readonly ProgressPoint[]>();
  for (const [host, own] of byHost) {
    const [text, ...histories] = kept.get(host) ?? [];
    const known = publications.read(host, text);
    for (const [at, { migrationUuid }] of own.entries()) {
      const points = texts(histories[at]).flatMap((text) => pointFromText(text) ?? []);
      if (points.length > 0) found.set(migrationUuid, upToNewest(points, known.get(migrationUuid)?.snapshot));
    }
  }
  return found;
}

/** What is younger, ms, is of a copy that runs: it is published twice a second. */
const RUNNING_MS = 10_000;

/**
 * Their histories, and the host's numbers where no copy runs: of a host that sends others its agent leaves them out by itself. A copy that
 * begins in between is there again with its next numbers.
 */
async function forget(
  client: Client,
  keys: RedisKeys,
  publications: PublicationReader,
  places: readonly MigrationPlace[],
): Promise<void> {
  const byHost = Map.groupBy(places, ({ host }) => host);
  const hosts = [...byHost.keys()];
  const published = await askHosts(client, hosts, (pipeline, host) => askSnapshots(pipeline, keys, host));
  await askHosts(client, hosts, (pipeline, host) => {
    const ended = new Set(byHost.get(host)?.map(({ migrationUuid }) => migrationUuid));
    pipeline.del(...[...ended].map((uuid) => keys.history(host, uuid)));
    const [text, remainingMs] = published.get(host) ?? [];
    const runs = ([uuid, { ageMs }]: readonly [string, AgedProgress]) =>
      !ended.has(uuid) && ageMs + writtenAgoMs(remainingMs) <= RUNNING_MS;
    if (![...publications.read(host, text)].some(runs)) pipeline.del(keys.snapshots(host));
  });
}

function askSnapshots(pipeline: ChainableCommander, keys: RedisKeys, host: string): ChainableCommander {
  return pipeline.get(keys.snapshots(host)).pttl(keys.snapshots(host));
}

/** How long ago a host's snapshots were written, ms, by what is left of their time. */
function writtenAgoMs(remainingMs: unknown): number {
  return Math.max(0, EXPIRY_MS - Number(remainingMs));
}

/**
 * What Redis answers to the commands that `ask` adds for each host, in order, all asked at once. On a cluster a host's keys lie on
 * one node and those of several may not: each has a pipeline of its own there. Rejects with the first failure.
 */
async function askHosts(
  client: Client,
  hosts: readonly string[],
  ask: (pipeline: ChainableCommander, host: string) => void,
): Promise<ReadonlyMap<string, readonly unknown[]>> {
  const found = new Map<string, readonly unknown[]>();
  const shares = client.isCluster ? hosts.map((host) => [host]) : [hosts];
  await Promise.all(
    shares.map(async (share) => {
      const pipeline = client.pipeline();
      const ends = share.map((host) => {
        ask(pipeline, host);
        return pipeline.length;
      });
      const replies = await answers(pipeline);
      for (const [at, host] of share.entries()) found.set(host, replies.slice(ends[at - 1] ?? 0, ends[at]));
    }),
  );
  return found;
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
