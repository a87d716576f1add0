import { type AgedProgress, type ProgressPoint, pointFromText } from "@drover/model";
import type { ChainableCommander, Cluster, Redis } from "ioredis";
import { EXPIRY_MS } from "./expiry.ts";
import { HISTORY_POINTS, upToNewest } from "./history.ts";
import type { HostPublication } from "./host-publication.ts";
import type { MigrationPlace } from "./progress-cache.ts";
import type { PublicationReader } from "./publication-reader.ts";
import type { RedisKeys } from "./redis-keys.ts";

type Client = Redis | Cluster;

/** Writes what the publication has now, in one round trip. Rejects with ioredis's failure. */
export async function publish(
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

/** The newest of each, with its age: that of the writing and that at the writing. */
export async function readSnapshots(
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

/** Of each the points that the cache has, up to the newest numbers; one without points is absent. */
export async function readHistories(
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
export async function forget(
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
