/**
 * What watching costs: one migration's record as Nova's clients poll it, with a token, while 1,000 migrations run whose numbers are
 * in Redis; the same server when it has the database alone; and 2,000 event streams on one API process.
 *
 * The database-only path is what the API does while Redis is away: the numbers that conductors flushed are read from PostgreSQL. It
 * is measured last, with Redis stopped.
 */

import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keepPublishing, type PolledPlane, snapshotOf, startPolledPlane } from "./api/polled-plane.ts";
import { subscribe } from "./api/subscribers.ts";
import { type Bench, type BenchOptions, median, quantile, round, spread } from "./bench.ts";
import { cpuMs, rssMiB } from "./process-usage.ts";

const MIGRATIONS = 1_000;
const SUBSCRIBERS = 2_000;
const ROUNDS = 3;
const ROUND_S = 5;
const CHANGES_A_SECOND = 2;
const LISTEN_S = 15;
const CONNECTIONS = [1, 16] as const;

interface Polled {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerRequest: number;
}

export const api: Bench = async (options) => {
  const { say, runs = ROUNDS } = options;
  await using plane = await startPolledPlane(MIGRATIONS);
  const stopPublishing = keepPublishing(plane);
  const figures: Record<string, number> = {};
  // The API's code is warm and its connections are there; none of it is counted.
  await poll(plane, 16);
  const fromCache = await measure(plane, runs, "numbers in Redis", options);
  const streams = await measureStreams(plane, options);
  stopPublishing();
  await plane.store.progress.flush(
    plane.migrations.map((migration) => ({ snapshot: snapshotOf(migration, Date.now()), ageMs: 0 })),
  );
  await plane.redis.stop();
  await poll(plane, 16);
  const fromDatabase = await measure(plane, runs, "database alone", options);
  for (const connections of CONNECTIONS) {
    const polled = fromCache[connections];
    figures[`requests_per_s_${connections}`] = round(median(polled.map(({ perSecond }) => perSecond)));
    figures[`p50_ms_${connections}`] = round(median(polled.map(({ p50Ms }) => p50Ms)));
    figures[`p99_ms_${connections}`] = round(median(polled.map(({ p99Ms }) => p99Ms)));
    const alone = fromDatabase[connections];
    figures[`database_requests_per_s_${connections}`] = round(median(alone.map(({ perSecond }) => perSecond)));
    figures[`database_p99_ms_${connections}`] = round(median(alone.map(({ p99Ms }) => p99Ms)));
  }
  figures.api_cpu_ms_per_request = median(fromCache[16].map(({ cpuMsPerRequest }) => cpuMsPerRequest));
  figures.api_rss_mib = round(rssMiB(plane.api.identity?.pid));
  say(`resident memory of the API then: ${figures.api_rss_mib} MiB`);
  const ratio = (figures.requests_per_s_16 ?? 0) / (figures.database_requests_per_s_16 ?? 1);
  return { figures: { ...figures, ...streams }, ratios: { cache_vs_database: Math.round(ratio * 100) / 100 } };
};

async function measure(plane: PolledPlane, runs: number, what: string, { say }: BenchOptions) {
  const polled: Record<(typeof CONNECTIONS)[number], Polled[]> = { 1: [], 16: [] };
  for (let run = 0; run < runs; run++) {
    for (const connections of CONNECTIONS) polled[connections].push(await poll(plane, connections));
  }
  for (const connections of CONNECTIONS) {
    const samples = polled[connections];
    const perSecond = spread(
      samples.map((one) => one.perSecond),
      "requests/s",
    );
    const p99 = spread(
      samples.map((one) => one.p99Ms),
      "ms",
    );
    say(`${what}, ${connections} connection(s): ${perSecond}; p99 ${p99}`);
  }
  return polled;
}

async function poll({ api: process_, url, token, pathsFile }: PolledPlane, connections: number): Promise<Polled> {
  const script = fileURLToPath(new URL("./api/poll.lua", import.meta.url));
  const before = cpuMs(process_.identity?.pid);
  const env = { ...process.env, POLL_PATHS: pathsFile, POLL_TOKEN: token };
  const args = [
    "--threads",
    "1",
    "--connections",
    String(connections),
    "--duration",
    `${ROUND_S}s`,
    "--script",
    script,
    url,
  ];
  const { stdout } = await promisify(execFile)("wrk", args, { env });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const { requests, seconds, p50Ms, p99Ms, failed } = JSON.parse(line);
  if (failed > 0) throw new Error(`${failed} of ${requests} requests failed`);
  const cpuMsPerRequest = (cpuMs(process_.identity?.pid) - before) / requests;
  return { perSecond: requests / seconds, p50Ms, p99Ms, cpuMsPerRequest };
}

/** Half of the subscribers watch a migration each, half all changes. */
async function measureStreams(plane: PolledPlane, { say }: BenchOptions): Promise<Record<string, number>> {
  const { migrations, store, progress, url, token } = plane;
  const paths = Array.from({ length: SUBSCRIBERS }, (_, n) =>
    n % 2 === 0 ? "/v1/events" : `/v1/migrations/${migrations[(n - 1) / 2]?.id}/events`,
  );
  const subscribers = await subscribe(url, token, paths);
  await delay(3_000);
  subscribers.takeDelays();
  const before = cpuMs(plane.api.identity?.pid);
  for (let n = 0; n < LISTEN_S * CHANGES_A_SECOND; n++) {
    const uuid = migrations[n % migrations.length]?.uuid ?? "";
    await store.migrations.appendLog(uuid, "running", { event: "noted", message: `at ${Date.now()}` });
    await progress.announceChange();
    await delay(1_000 / CHANGES_A_SECOND);
  }
  const delays = subscribers.takeDelays();
  const busy = (cpuMs(plane.api.identity?.pid) - before) / (LISTEN_S * 1_000);
  const ended = subscribers.ended();
  subscribers.close();
  if (ended > 0) throw new Error(`${ended} of ${SUBSCRIBERS} streams ended`);
  const [p50, p99] = [quantile(delays, 0.5), quantile(delays, 0.99)];
  say(`${SUBSCRIBERS} event streams, ${delays.length} events in ${LISTEN_S} s: p50 ${p50} ms, p99 ${p99} ms`);
  return {
    stream_delay_p50_ms: p50,
    stream_delay_p99_ms: p99,
    stream_events: delays.length,
    stream_cpu_share: Math.round(busy * 100) / 100,
  };
}
