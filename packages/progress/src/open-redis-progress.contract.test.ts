import { readFileSync } from "node:fs";
import { silentLogger } from "@drover/model";
import { type Certificates, createCertificates, type RealService, startRedis } from "@drover/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { placesOf, snapshotOf, snapshotsOf } from "./contract/samples.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { FIRST_SPACING_MS, HISTORY_POINTS } from "./history.ts";
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

  const key = `drover:progress:2:{east}:migration:${uuid}`;
  const historyKey = `drover:progress:2:{east}:history:${uuid}`;

  it("lies as the README says, and expires", async () => {
    const before = Date.now();
    await cache.publish("east", [snapshotOf(uuid, 7)]);
    const { snapshot = "", nextPointAtMs, ...rest } = await raw.hgetall(key);
    expect(rest).toEqual({ sequence: "7", pointEveryMs: String(FIRST_SPACING_MS) });
    expect(JSON.parse(snapshot)).toEqual(snapshotOf(uuid, 7));
    expect(Number(nextPointAtMs)).toBeGreaterThanOrEqual(before + FIRST_SPACING_MS);
    const { observedAtMs, elapsedMs, memoryProcessedBytes, memoryRemainingBytes } = snapshotOf(uuid, 7);
    const text = `[${observedAtMs},${elapsedMs},"pre-copy",${memoryProcessedBytes},${memoryRemainingBytes},117440512,4096,1,0,0,300,500,0]`;
    expect(await raw.lrange(historyKey, 0, -1)).toEqual([text]);
    for (const name of [key, historyKey]) expect(await raw.pttl(name)).toBeGreaterThan(EXPIRY_MS - 10_000);
    expect((await raw.keys("*")).sort()).toEqual([historyKey, key].sort());
  });

  it("takes a point when one is due, and of a full history every second one away, the first never", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    await cache.publish("east", [snapshotOf(uuid, 2)]);
    expect(await raw.llen(historyKey)).toBe(1);
    const more = Array.from({ length: HISTORY_POINTS - 2 }, (_, n) => `[${n + 1}]`);
    await raw.rpush(historyKey, ...more);
    await raw.persist(historyKey);
    await raw.hset(key, "nextPointAtMs", Date.now());
    await cache.publish("east", [snapshotOf(uuid, 3)]);
    const kept = await raw.lrange(historyKey, 0, -1);
    expect(kept).toHaveLength(HISTORY_POINTS / 2);
    expect([kept[0]?.slice(0, 2), kept[1], kept.at(-1)]).toEqual(["[1", "[2]", `[${HISTORY_POINTS - 2}]`]);
    expect(await raw.hget(key, "pointEveryMs")).toBe(String(2 * FIRST_SPACING_MS));
    expect(await raw.pttl(historyKey)).toBeGreaterThan(EXPIRY_MS - 60_000);
    // Of another server's clock, after a failover.
    await raw.hset(key, "nextPointAtMs", Date.now() + 600_000);
    await cache.publish("east", [snapshotOf(uuid, 4)]);
    expect(await raw.llen(historyKey)).toBe(HISTORY_POINTS / 2 + 1);
  });

  it("tells by what is left of its time how old it is", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    await raw.pexpire(key, EXPIRY_MS - 60_000);
    const ageMs = (await cache.read(placesOf("east", uuid))).get(uuid)?.ageMs;
    expect(ageMs).toSatisfy((ms: number) => ms >= 60_000 && ms < 65_000);
  });

  it("is passed over when it is not ours, or another migration's", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    for (const text of ["{broken", JSON.stringify(snapshotOf(crypto.randomUUID(), 1))]) {
      await raw.hset(key, "snapshot", text);
      await raw.rpush(historyKey, text);
      expect(await cache.read(placesOf("east", uuid))).toEqual(new Map());
      expect((await cache.readHistories(placesOf("east", uuid))).get(uuid)).toHaveLength(1);
    }
  });

  it("is there again with the next tick when Redis has lost it", async () => {
    await cache.publish("east", [snapshotOf(uuid, 5)]);
    await raw.flushall();
    expect(await cache.read(placesOf("east", uuid))).toEqual(new Map());
    await cache.publish("east", [snapshotOf(uuid, 6)]);
    expect(snapshotsOf(await cache.read(placesOf("east", uuid)))).toEqual([snapshotOf(uuid, 6)]);
  });

  it("rejects at once while Redis is down, and comes back by itself, its feed too", async () => {
    const heard: number[] = [];
    await cache.subscribe((progress) => heard.push(...progress.map((snapshot) => snapshot.sequence)));
    await redis.kill9();
    const startedMs = performance.now();
    await expect(cache.publish("east", [snapshotOf(uuid, 1)])).rejects.toMatchObject({ code: "unavailable" });
    await expect(cache.read(placesOf("east", uuid))).rejects.toMatchObject({ code: "unavailable" });
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
    expect(snapshotsOf(await cache.read(placesOf("east", uuid)))).toEqual([snapshotOf(uuid, 2)]);
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

  const reads =
    "%R~drover:progress:2:* &drover:progress:2:feed:* &drover:progress:2:records +hget +pttl +lrange +ping +info +psubscribe";
  const rightsOf = {
    agent: (host: string) =>
      `~drover:progress:2:{${host}}:* &drover:progress:2:feed:${host} +evalsha +eval +time +hmget +hset +rpush +lrange +del +pexpire +publish +ping +info`,
    conductor: `${reads} ~drover:progress:2:* +del +publish`,
    reader: reads,
  };

  async function openAs(user: string, rights: string): Promise<ProgressCache> {
    await admin.call("ACL", "SETUSER", user, "reset", "on", `>${user}-secret`, ...rights.split(" "));
    const url = secure.url.replace(/\/\/:[^@]*@/, `//${user}:${user}-secret@`);
    return openRedisProgress({ url, logger: silentLogger, ca: readFileSync(certificates.caFile) });
  }

  it("is published by agents, flushed by a conductor and read by everybody else", async () => {
    const agent = await openAs("agent-east", rightsOf.agent("east"));
    const conductor = await openAs("conductor", rightsOf.conductor);
    const reader = await openAs("reader", rightsOf.reader);
    const uuid = crypto.randomUUID();
    const heard: number[] = [];
    let changes = 0;
    await reader.subscribe((snapshots) => heard.push(...snapshots.map(({ sequence }) => sequence)));
    await reader.onChange(() => {
      changes += 1;
    });
    await agent.ping();
    await agent.publish("east", [snapshotOf(uuid, 1)]);
    await agent.publish("east", [snapshotOf(uuid, 2)]);
    for (const cache of [reader, conductor]) {
      expect(snapshotsOf(await cache.read(placesOf("east", uuid)))).toEqual([snapshotOf(uuid, 2)]);
      expect((await cache.readHistories(placesOf("east", uuid))).get(uuid)).toHaveLength(2);
    }
    await conductor.announceChange();
    await vi.waitFor(() => expect([heard, changes > 1]).toEqual([[1, 2], true]));
    await expect(reader.publish("east", [snapshotOf(uuid, 3)])).rejects.toThrow("refused a command");
    await expect(reader.forget(placesOf("east", uuid))).rejects.toThrow("refused a command");
    await conductor.forget(placesOf("east", uuid));
    expect((await reader.read(placesOf("east", uuid))).size).toBe(0);
    for (const cache of [agent, conductor, reader]) await cache.close();
  });

  it("lets an agent write its own host's numbers and nobody else's, and read none of theirs", async () => {
    const east = await openAs("agent-east", rightsOf.agent("east"));
    const uuid = crypto.randomUUID();
    await expect(east.publish("west", [snapshotOf(uuid, 1)])).rejects.toThrow("refused a command");
    await expect(east.read(placesOf("west", uuid))).rejects.toThrow("refused a command");
    await expect(east.announceChange()).rejects.toThrow("refused a command");
    const url = secure.url.replace(/\/\/:[^@]*@/, "//agent-east:agent-east-secret@");
    const raw = new Redis(url, { tls: { ca: readFileSync(certificates.caFile) } });
    await expect(raw.publish("drover:progress:2:feed:west", "[]")).rejects.toThrow("NOPERM");
    await expect(raw.del(`drover:progress:2:{west}:migration:${uuid}`)).rejects.toThrow("NOPERM");
    raw.disconnect();
    await east.close();
  });

  it("trusts no certificate of another authority", async () => {
    const stranger = await openRedisProgress({ url: secure.url, logger: silentLogger });
    await expect(stranger.ping()).rejects.toMatchObject({ code: "unavailable" });
    await stranger.close();
  });
});
