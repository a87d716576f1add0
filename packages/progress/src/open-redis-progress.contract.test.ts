import { readFileSync } from "node:fs";
import { silentLogger, systemClock } from "@drover/model";
import { type Certificates, createCertificates, type RealService, startRedis } from "@drover/testkit";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { placesOf, snapshotOf, snapshotsOf } from "./contract/samples.ts";
import { EXPIRY_MS } from "./expiry.ts";
import { HISTORY_POINTS } from "./history.ts";
import { openRedisProgress } from "./open-redis-progress.ts";
import type { ProgressCache } from "./progress-cache.ts";

let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.remove();
});

/** More patient than agents are: a test asks once, on a machine that may stand still for seconds. */
const open = (keyPrefix = "drover") =>
  openRedisProgress({ url: redis.url, keyPrefix, commandTimeoutMs: 20_000, logger: silentLogger });

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

  const key = "drover:progress:3:{east}:snapshots";
  const historyKey = `drover:progress:3:{east}:history:${uuid}`;
  const other = crypto.randomUUID();

  it("lies as the README says, and expires", async () => {
    await cache.publish("east", [snapshotOf(uuid, 7)]);
    expect(JSON.parse((await raw.get(key)) ?? "")).toEqual({ agesMs: [0], snapshots: [snapshotOf(uuid, 7)] });
    const { observedAtMs, elapsedMs, memoryProcessedBytes, memoryRemainingBytes } = snapshotOf(uuid, 7);
    const text = `[${observedAtMs},${elapsedMs},"pre-copy",${memoryProcessedBytes},${memoryRemainingBytes},117440512,4096,1,0,0,300,500,0]`;
    expect(await raw.lrange(historyKey, 0, -1)).toEqual([text]);
    for (const name of [key, historyKey]) expect(await raw.pttl(name)).toBeGreaterThan(EXPIRY_MS - 10_000);
    expect((await raw.keys("*")).sort()).toEqual([historyKey, key].sort());
  });

  describe("by a clock of the test's", () => {
    let nowMs = 5_000;
    let agent: ProgressCache;
    beforeEach(async () => {
      const clock = { ...systemClock, monotonicMs: () => nowMs };
      agent = await openRedisProgress({ url: redis.url, logger: silentLogger, clock });
    });
    afterEach(() => agent.close());

    /** Publishes every half second, as an agent does; returns the last sequence. */
    async function copyFor(seconds: number, from: number): Promise<number> {
      for (let tick = 0; tick < 2 * seconds; tick += 1) {
        await agent.publish("east", [snapshotOf(uuid, from + tick)]);
        nowMs += 500;
      }
      return from + 2 * seconds;
    }

    it("takes a point a second, the first few at once and then five together, and all when the guest has arrived", async () => {
      const next = await copyFor(3, 1);
      expect(await raw.llen(historyKey)).toBe(3);
      const later = await copyFor(60, next);
      expect(await raw.llen(historyKey)).toSatisfy((length: number) => length > 63 - 5 && length <= 63);
      await agent.publish("east", [snapshotOf(uuid, later, { phase: "completed" })]);
      const points = (await raw.lrange(historyKey, 0, -1)).map((text) => JSON.parse(text)[1]);
      expect(points).toEqual(Array.from({ length: 64 }, (_, n) => 500 * (1 + 2 * n)));
    });

    it("takes of a full history every second point away, the first never, and half as many from then on", async () => {
      const next = await copyFor(HISTORY_POINTS + 5, 1);
      const kept = (await raw.lrange(historyKey, 0, -1)).map((text) => JSON.parse(text)[1]);
      expect(kept.length).toBeLessThan(HISTORY_POINTS * 0.6);
      expect(kept.slice(0, 3)).toEqual([500, 2_500, 4_500]);
      expect(kept.at(-1)).toBeGreaterThan(next * 500 - 20_000);
      const before = await raw.llen(historyKey);
      await copyFor(20, next);
      expect((await raw.llen(historyKey)) - before).toBeLessThanOrEqual(15);
      expect(await raw.pttl(historyKey)).toBeGreaterThan(EXPIRY_MS);
    });

    it("goes on at the pace of a copy that has run for an hour, and holds none of its points back", async () => {
      const hourMs = 3_600_000;
      for (let tick = 0; tick < 80; tick += 1) {
        await agent.publish("east", [snapshotOf(uuid, tick + 1, { elapsedMs: hourMs + tick * 500 })]);
        nowMs += 500;
      }
      const points = (await raw.lrange(historyKey, 0, -1)).map((text) => JSON.parse(text)[1] - hourMs);
      expect(points).toEqual([0, 16_000, 32_000]);
    });

    it("is not taken for thinned after Redis was away", async () => {
      const next = await copyFor(20, 1);
      await raw.flushall();
      await copyFor(HISTORY_POINTS - 10, next);
      const kept = (await raw.lrange(historyKey, 0, -1)).map((text) => JSON.parse(text)[1]);
      expect(kept.length).toBeGreaterThan(HISTORY_POINTS - 20);
      expect(new Set(kept.slice(1).map((elapsedMs, at) => elapsedMs - kept[at]))).toEqual(new Set([1_000]));
    });

    it("keeps the numbers of a copy that is stuck for half a minute, with their age", async () => {
      await agent.publish("east", [snapshotOf(other, 1)]);
      const next = await copyFor(20, 1);
      const read = await cache.read(placesOf("east", uuid, other));
      expect(read.get(uuid)?.ageMs).toBeLessThan(19_000);
      expect(read.get(other)?.ageMs).toSatisfy((ms: number) => ms >= 19_000 && ms < 60_000);
      await copyFor(15, next);
      expect([...(await cache.read(placesOf("east", uuid, other))).keys()]).toEqual([uuid]);
    });
  });

  it("tells by what is left of its time how old it is", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    await raw.pexpire(key, EXPIRY_MS - 60_000);
    const ageMs = (await cache.read(placesOf("east", uuid))).get(uuid)?.ageMs;
    expect(ageMs).toSatisfy((ms: number) => ms >= 60_000 && ms < 65_000);
  });

  it("is passed over when it is not ours, or another migration's", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1)]);
    const others = JSON.stringify({ agesMs: [0], snapshots: [snapshotOf(other, 1)] });
    const broken = [
      "{broken",
      "[]",
      '{"agesMs":[0],"snapshots":[{"sequence":1}]}',
      JSON.stringify({ agesMs: [], snapshots: [snapshotOf(uuid, 1)] }),
    ];
    for (const text of [...broken, others]) {
      await raw.set(key, text);
      await raw.rpush(historyKey, text);
      expect(await cache.read(placesOf("east", uuid))).toEqual(new Map());
      expect((await cache.readHistories(placesOf("east", uuid))).get(uuid)).toHaveLength(1);
    }
  });

  it("of an agent that was restarted, has what the new one knows", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1), snapshotOf(other, 1)]);
    const restarted = await open();
    await restarted.publish("east", [snapshotOf(uuid, 2)]);
    expect(snapshotsOf(await cache.read(placesOf("east", uuid, other)))).toEqual([snapshotOf(uuid, 2)]);
    await restarted.publish("east", [snapshotOf(other, 2)]);
    expect((await cache.read(placesOf("east", uuid, other))).size).toBe(2);
    expect((await cache.readHistories(placesOf("east", uuid))).get(uuid)?.map(({ elapsedMs }) => elapsedMs)).toEqual([
      500, 1000,
    ]);
    await restarted.close();
  });

  it("forgets what is left of a host whose copies are over, whichever is archived last", async () => {
    let monotonicMs = 0;
    const clock = { ...systemClock, monotonicMs: () => monotonicMs };
    const agent = await openRedisProgress({ url: redis.url, logger: silentLogger, clock });
    await agent.publish("east", [snapshotOf(uuid, 1), snapshotOf(other, 1)]);
    await agent.forget(placesOf("east", uuid));
    monotonicMs += 11_000;
    await agent.publish("east", [snapshotOf(other, 2)]);
    await agent.forget(placesOf("east", other));
    expect(await raw.keys("*")).toEqual([]);
    await agent.close();
  });

  it("forgets at once a host's last, and others with the host's next publications", async () => {
    await cache.publish("east", [snapshotOf(uuid, 1), snapshotOf(other, 1)]);
    await cache.forget(placesOf("east", uuid));
    expect(await raw.exists(historyKey)).toBe(0);
    expect((await cache.read(placesOf("east", other))).size).toBe(1);
    await cache.forget(placesOf("east", uuid, other));
    expect(await raw.keys("*")).toEqual([]);
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
    await expect(cache.publish("east", [snapshotOf(uuid, 1)])).rejects.toMatchObject({ code: "unavailable" });
    await expect(cache.read(placesOf("east", uuid))).rejects.toMatchObject({ code: "unavailable" });
    const failure = await cache.ping().catch((error: unknown) => error);
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
    await using closing = new AsyncDisposableStack();
    const impatient = await openRedisProgress({ url: redis.url, logger: silentLogger });
    closing.defer(() => impatient.close());
    redis.freeze();
    await expect(impatient.publish("east", [snapshotOf(uuid, 1)])).rejects.toMatchObject({ code: "unavailable" });
    redis.thaw();
    // What was refused once is not sent again: the next tick has newer numbers.
    let sequence = 2;
    await vi.waitFor(() => impatient.publish("east", [snapshotOf(uuid, sequence++)]), soon);
    expect(snapshotsOf(await cache.read(placesOf("east", uuid)))).toEqual([snapshotOf(uuid, sequence - 1)]);
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
    await vi.waitFor(() => cache.ping(), soon);
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
    "%R~drover:progress:3:* &drover:progress:3:feed:* &drover:progress:3:records +get +pttl +lrange +ping +info +psubscribe";
  const rightsOf = {
    agent: (host: string) =>
      `~drover:progress:3:{${host}}:* &drover:progress:3:feed:${host} +evalsha +eval +set +rpush +lrange +del +pexpire +publish +ping +info`,
    conductor: `${reads} ~drover:progress:3:* +del +publish`,
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
    await expect(raw.publish("drover:progress:3:feed:west", "[]")).rejects.toThrow("NOPERM");
    await expect(raw.del(`drover:progress:3:{west}:snapshots`)).rejects.toThrow("NOPERM");
    raw.disconnect();
    await east.close();
  });

  it("trusts no certificate of another authority", async () => {
    const stranger = await openRedisProgress({ url: secure.url, logger: silentLogger });
    await expect(stranger.ping()).rejects.toMatchObject({ code: "unavailable" });
    await stranger.close();
  });
});
