import { readFileSync } from "node:fs";
import { silentLogger } from "@drover/model";
import { type Certificates, createCertificates, type RealService, startRedis } from "@drover/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { snapshotOf } from "./contract/samples.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { openRedisProgress } from "./open-redis-progress.ts";
import type { ProgressCache } from "./progress-cache.ts";

let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.remove();
});

const open = (keyPrefix = "drover") => openRedisProgress({ url: redis.url, keyPrefix, logger: silentLogger });

progressContract("Redis", async () => {
  const keyPrefix = crypto.randomUUID();
  return { open: () => open(keyPrefix) };
});

describe("progress in Redis", () => {
  const soon = { timeout: 20_000, interval: 20 };
  const uuid = crypto.randomUUID();
  let raw: Redis;
  let cache: ProgressCache;

  beforeEach(async () => {
    raw = new Redis(redis.url);
    raw.on("error", () => {});
    await raw.flushall();
    cache = await open();
  });

  afterEach(async () => {
    redis.thaw();
    await redis.start();
    await cache.close();
    raw.disconnect();
  });

  it("lies as the README says, and expires", async () => {
    await cache.publish("east", [snapshotOf(uuid, 7)]);
    const key = `drover:progress:1:{0}:migration:${uuid}`;
    const { snapshot = "", ...rest } = await raw.hgetall(key);
    expect(rest).toEqual({ host: "east", sequence: "7" });
    expect(JSON.parse(snapshot)).toEqual(snapshotOf(uuid, 7));
    expect(await raw.pttl(key)).toBeGreaterThan(EXPIRY_MS - 60_000);
    expect(await raw.pttl("drover:progress:1:{0}:changes")).toBeGreaterThan(EXPIRY_MS - 60_000);
    expect(await raw.zrange("drover:progress:1:{0}:changes", "0", "-1")).toEqual([uuid]);
    expect((await raw.keys("*")).length).toBe(3);
  });

  it("leaves nothing of an expired migration behind, and keeps the others", async () => {
    const stays = crypto.randomUUID();
    await cache.publish("east", [snapshotOf(uuid, 1), snapshotOf(stays, 1)]);
    await raw.del(`drover:progress:1:{0}:migration:${uuid}`);
    expect((await cache.changedSince(null)).progress).toEqual([snapshotOf(stays, 1)]);
    expect(await raw.zrange("drover:progress:1:{0}:changes", "0", "-1")).toEqual([stays]);
  });

  it("is passed over when it is not ours", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    await raw.hset(`drover:progress:1:{0}:migration:${uuid}`, "snapshot", "{broken");
    expect(await cache.read([uuid])).toEqual(new Map());
  });

  it("counts as changed again when Redis has lost it", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1), snapshotOf("other", 1)]);
    const { cursor } = await cache.changedSince(null);
    await raw.flushall();
    const afterLoss = await cache.changedSince(cursor);
    expect(afterLoss.progress).toEqual([]);
    // The count begins anew, below the cursor; another client names the epoch.
    const newcomer = await open();
    await newcomer.publish("east", [snapshotOf(uuid, 2)]);
    expect((await cache.changedSince(cursor)).progress).toEqual([snapshotOf(uuid, 2)]);
    expect((await cache.changedSince(afterLoss.cursor)).progress).toEqual([snapshotOf(uuid, 2)]);
    await newcomer.close();
  });

  it("rejects at once while Redis is down, and comes back by itself, its feed too", async () => {
    const heard: number[] = [];
    await cache.subscribe((progress) => heard.push(...progress.map((snapshot) => snapshot.sequence)));
    await redis.kill9();
    const startedMs = performance.now();
    await expect(cache.publish("east", [snapshotOf(uuid, 1)])).rejects.toMatchObject({ code: "unavailable" });
    await expect(cache.read([uuid])).rejects.toMatchObject({ code: "unavailable" });
    await expect(cache.changedSince(null)).rejects.toMatchObject({ code: "unavailable" });
    const failure = await cache.ping().catch((error: unknown) => error);
    expect(performance.now() - startedMs).toBeLessThan(4000);
    expect(String(failure)).not.toContain(new URL(redis.url).password);
    await redis.start();
    await vi.waitFor(() => cache.ping(), soon);
    let sequence = 10;
    await vi.waitFor(async () => {
      await cache.publish("east", [snapshotOf(uuid, sequence++)]);
      expect(heard).not.toEqual([]);
    }, soon);
  });

  it("rejects within a moment while Redis does not answer, and recovers", async () => {
    redis.freeze();
    const startedMs = performance.now();
    await expect(cache.publish("east", [snapshotOf(uuid, 1)])).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - startedMs).toBeLessThan(3000);
    redis.thaw();
    await vi.waitFor(() => cache.publish("east", [snapshotOf(uuid, 2)]), soon);
    expect(await cache.read([uuid])).toEqual(new Map([[uuid, snapshotOf(uuid, 2)]]));
  });

  it("may be opened and subscribed to while Redis is away", async () => {
    await redis.stop();
    const early = await open();
    const heard: number[] = [];
    await early.subscribe((progress) => heard.push(...progress.map((snapshot) => snapshot.sequence)));
    await expect(early.ping()).rejects.toMatchObject({ code: "unavailable" });
    await redis.start();
    await vi.waitFor(() => early.ping(), soon);
    let sequence = 1;
    await vi.waitFor(async () => {
      await early.publish("east", [snapshotOf(uuid, sequence++)]);
      expect(heard).not.toEqual([]);
    }, soon);
    await early.close();
  });

  it("says once that Redis is lost and once that it is back, and nothing when it is closed", async () => {
    const lines: string[] = [];
    const write = (_fields: object, sentence: string) => void lines.push(sentence);
    const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
    const logging = await openRedisProgress({ url: redis.url, logger });
    await redis.restart();
    await vi.waitFor(() => logging.ping(), soon);
    const told = ["connection to Redis lost, trying to get it back", "connection to Redis is there again"];
    await vi.waitFor(() => expect(lines).toEqual(told), soon);
    const connections = async () =>
      String(await raw.client("LIST"))
        .trim()
        .split("\n").length;
    const before = await connections();
    await logging.close();
    await vi.waitFor(async () => expect(await connections()).toBeLessThan(before), soon);
    await raw.ping();
    expect(lines).toEqual(told);
  });

  it("with a wrong password is unavailable, and the password stays secret", async () => {
    const url = redis.url.replace(/:[^:@]*@/, ":guessed@");
    const lines: string[] = [];
    const write = (fields: object, sentence: string) => void lines.push(sentence + JSON.stringify(fields, allFields));
    const logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
    const locked = await openRedisProgress({ url, logger });
    const failure = await locked.ping().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "unavailable" });
    expect(JSON.stringify(failure, allFields) + lines.join("")).not.toContain("guessed");
    await locked.close();
  });

  it("is refused for a URL that is none, without repeating it", async () => {
    const error = await openRedisProgress({
      url: "http://:secret@host",

      logger: silentLogger,
    }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "bad-request" });
    expect(String(error)).not.toContain("secret");
  });
});

/** Shows errors with all that hangs on them, as a logger would. */
function allFields(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { ...value, message: value.message, stack: value.stack, cause: value.cause };
}

describe("progress in Redis over TLS, for users with no more rights than the README names", () => {
  let certificates: Certificates;
  let secure: RealService;
  let admin: Redis;
  beforeAll(async () => {
    certificates = await createCertificates();
    secure = await startRedis({ tls: certificates });
    admin = new Redis(secure.url, { tls: { ca: readFileSync(certificates.caFile) } });
  });
  afterAll(async () => {
    admin?.disconnect();
    await secure?.remove();
    await certificates?.remove();
  });

  const keys = ["~drover:progress:1:*", "&drover:progress:1:*"];
  const reads = ["+hget", "+hmget", "+zrange", "+exists", "+ping", "+info", "+subscribe"];
  const publishes = ["+evalsha", "+eval", "+hsetnx", "+hset", "+hincrby", "+pexpire", "+zadd", "+publish"];
  const flushes = ["+publish", "+zrem", "+zremrangebyscore", "+del", "+multi", "+exec"];

  async function openAs(user: string, rights: readonly string[]): Promise<ProgressCache> {
    await admin.call("ACL", "SETUSER", user, "reset", "on", `>${user}-secret`, ...keys, ...rights);
    const url = secure.url.replace(/\/\/:[^@]*@/, `//${user}:${user}-secret@`);
    return openRedisProgress({ url, logger: silentLogger, ca: readFileSync(certificates.caFile) });
  }

  it("is published by agents, flushed by a conductor and read by everybody else", async () => {
    const agent = await openAs("agent", [...reads, ...publishes]);
    const conductor = await openAs("conductor", [...reads, ...flushes]);
    const reader = await openAs("reader", reads);
    const uuid = crypto.randomUUID();
    const heard: number[] = [];
    await reader.subscribe((snapshots) => heard.push(...snapshots.map(({ sequence }) => sequence)));
    await agent.publish("east", [snapshotOf(uuid, 1)]);
    await agent.publish("east", [snapshotOf(uuid, 2)]);
    expect((await reader.read([uuid])).get(uuid)).toEqual(snapshotOf(uuid, 2));
    expect((await conductor.changedSince(null)).progress).toEqual([snapshotOf(uuid, 2)]);
    await vi.waitFor(() => expect(heard).toEqual([1, 2]));
    await expect(reader.publish("east", [snapshotOf(uuid, 3)])).rejects.toThrow("refused a command");
    await conductor.forget([uuid]);
    expect((await reader.read([uuid])).size).toBe(0);
    for (const cache of [agent, conductor, reader]) await cache.close();
  });

  it("trusts no certificate of another authority", async () => {
    const stranger = await openRedisProgress({ url: secure.url, logger: silentLogger });
    await expect(stranger.ping()).rejects.toMatchObject({ code: "unavailable" });
    await stranger.close();
  });
});
