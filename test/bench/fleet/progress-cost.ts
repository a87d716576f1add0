/**
 * What the progress of a fleet costs: 5,000 migrations on 500 hosts, whose numbers are published twice a second, flushed by a
 * conductor and read; and beside it the same migrations saved as Nova does, by RPC and one UPDATE each every 5 s, on the same servers.
 *
 * The hosts are far too many for agents of their own on one machine: two processes publish for them, by the package that agents
 * publish with. The conductor, Redis, PostgreSQL and RabbitMQ are the real ones.
 */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@drover/model";
import { type MigrationPlace, openRedisProgress } from "@drover/progress";
import {
  createOwnedFolder,
  type Postgres,
  type RealService,
  startDroverProcess,
  startPostgres,
  startRabbitMq,
  startRedis,
} from "@drover/testkit";
import { type Bench, type BenchOptions, median, quantile, round, spread } from "../bench.ts";
import { cpuMs, cpuMsWithChildren, rssMiB } from "../process-usage.ts";
import { WorkerProcess } from "../worker-process.ts";
import { runningRecords } from "./running-records.ts";

const MIGRATIONS = 5_000;
const PER_HOST = 10;
const PROCESSES = 2;
const ROUNDS = 3;
const ROUND_MS = 20_000;
/** Everybody has flushed, saved and been compiled by then. */
const WARM_UP_MS = 10_000;
const READ_EVERY_MS = 5;

interface Servers {
  readonly postgres: Postgres;
  readonly redis: RealService;
  readonly rabbit: RealService;
  readonly storeUrl: string;
}

/** Of one round. Processor time in ms a second, which is thousandths of one processor. */
interface Round {
  readonly cpu: Readonly<Record<string, number>>;
  readonly statementsPerS: number;
  readonly updatesPerS: number;
}

export const progressCost: Bench = async (options) => {
  await using stack = new AsyncDisposableStack();
  const settings = { shared_preload_libraries: "pg_stat_statements" };
  const [postgres, redis, rabbit] = await Promise.all([startPostgres({ settings }), startRedis(), startRabbitMq()]);
  for (const service of [postgres, redis, rabbit]) stack.use(service);
  const storeUrl = await postgres.createDatabase();
  await postgres.sql("create extension pg_stat_statements", storeUrl);
  const servers = { postgres, redis, rabbit, storeUrl };
  const ours = await measureProgress(servers, options);
  const theirs = await measureSqlStyle(servers, options);
  const ratio = (of: (round: Round) => number) => round(median(theirs.rounds.map(of)) / median(ours.rounds.map(of)));
  return {
    figures: { ...ours.figures, ...theirs.figures },
    ratios: {
      statements_vs_sql_style: ratio(({ statementsPerS }) => statementsPerS),
      cpu_vs_sql_style: ratio(({ cpu }) => sumOf(cpu)),
      cpu_per_update_vs_sql_style: ratio(({ cpu, updatesPerS }) => sumOf(cpu) / updatesPerS),
    },
  };
};

async function measureProgress(servers: Servers, options: BenchOptions) {
  const { redis, rabbit, postgres, storeUrl } = servers;
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await createOwnedFolder({ kind: "drover" }), (owned) => owned.remove());
  const env = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_URL: rabbit.url,
    DROVER_STORE_URL: storeUrl,
    DROVER_PROGRESS_URL: redis.url,
  };
  const conductor = await startDroverProcess({ service: "conductor", folder, env });
  await conductor.waitUntilReady();
  stack.defer(() => conductor.kill9());
  const hosts = MIGRATIONS / PER_HOST / PROCESSES;
  const agents = await startWorkers(stack, "publishing-agents.ts", String(hosts), String(PER_HOST), redis.url);
  const cache = stack.adopt(await openRedisProgress({ url: redis.url, logger: silentLogger }), (open) => open.close());
  const published = () => countOf(agents, "published");
  const answers = (await Promise.all(agents.map((worker) => worker.ask({})))) as { migrations: MigrationPlace[] }[];
  const migrations = answers.flatMap((answer) => answer.migrations);
  for (const statement of runningRecords(migrations)) await postgres.sql(statement, storeUrl);
  await delay(WARM_UP_MS);

  const rounds: Round[] = [];
  const stalenessMs: number[] = [];
  for (let run = 0; run < (options.runs ?? ROUNDS); run++) {
    const pids = { agents: agents.map(({ pid }) => pid), redis: [redis.pid], conductor: [conductor.identity?.pid] };
    const taken = await oneRound(servers, pids, published, async (untilMs) => {
      while (performance.now() < untilMs) {
        const at = Math.floor(Math.random() * migrations.length);
        const read = await cache.read(migrations.slice(at, at + 1));
        for (const { snapshot } of read.values()) stalenessMs.push(Date.now() - snapshot.observedAtMs);
        await delay(READ_EVERY_MS);
      }
    });
    rounds.push(taken);
  }
  const dropped = await countOf(agents, "dropped");
  const [p50, p99] = [quantile(stalenessMs, 0.5), quantile(stalenessMs, 0.99)];
  sayRounds("progress in Redis", rounds, options);
  options.say(`${stalenessMs.length} reads: staleness p50 ${p50} ms, p99 ${p99} ms; ${dropped} snapshots dropped`);
  const kept = Number(await postgres.sql("select count(*) from migration_progress", storeUrl));
  return {
    rounds,
    figures: {
      migrations: MIGRATIONS,
      updates_per_s: round(median(rounds.map(({ updatesPerS }) => updatesPerS))),
      staleness_p50_ms: p50,
      staleness_p99_ms: p99,
      dropped,
      flushed_migrations: kept,
      sql_statements_per_s: round(median(rounds.map(({ statementsPerS }) => statementsPerS))),
      ...cpuFigures("", rounds),
      conductor_rss_mib: round(rssMiB(conductor.identity?.pid)),
      redis_rss_mib: round(rssMiB(redis.pid)),
    },
  };
}

async function measureSqlStyle(servers: Servers, options: BenchOptions) {
  const { rabbit, postgres, storeUrl } = servers;
  await using stack = new AsyncDisposableStack();
  await postgres.sql(
    `create table nova_migrations (id integer primary key, memory_total bigint, memory_processed bigint, memory_remaining bigint,
     updated_at timestamptz)`,
    storeUrl,
  );
  await postgres.sql(`insert into nova_migrations (id) select generate_series(0, ${MIGRATIONS - 1})`, storeUrl);
  const [conductor] = await startWorkers(stack, "sql-style.ts", "conductor", storeUrl, rabbit.url);
  const agents = await startWorkers(stack, "sql-style.ts", "agents", String(MIGRATIONS / PROCESSES), rabbit.url);
  await delay(WARM_UP_MS);
  const rounds: Round[] = [];
  for (let run = 0; run < (options.runs ?? ROUNDS); run++) {
    const pids = { agents: agents.map(({ pid }) => pid), rabbit: [rabbit.pid], conductor: [conductor?.pid] };
    rounds.push(
      await oneRound(
        servers,
        pids,
        () => countOf(agents, "saved"),
        (untilMs) => delay(untilMs - performance.now()),
      ),
    );
  }
  sayRounds("one UPDATE each, by RPC", rounds, options);
  return {
    rounds,
    figures: {
      sql_style_updates_per_s: round(median(rounds.map(({ updatesPerS }) => updatesPerS))),
      sql_style_statements_per_s: round(median(rounds.map(({ statementsPerS }) => statementsPerS))),
      ...cpuFigures("sql_style_", rounds),
    },
  };
}

/** Agents are as many processes for either; of a conductor there is one. */
async function startWorkers(stack: AsyncDisposableStack, file: string, ...args: readonly string[]) {
  const program = fileURLToPath(new URL(file, import.meta.url));
  const count = args[0] === "conductor" ? 1 : PROCESSES;
  const workers = await Promise.all(
    Array.from({ length: count }, () => WorkerProcess.start([process.execPath, program, ...args])),
  );
  for (const worker of workers) stack.defer(() => worker.kill9());
  return workers;
}

async function oneRound(
  { postgres, storeUrl }: Servers,
  pids: Readonly<Record<string, readonly (number | undefined)[]>>,
  updates: () => Promise<number>,
  meanwhile: (untilMs: number) => Promise<void>,
): Promise<Round> {
  const used = () => ({
    ...Object.fromEntries(
      Object.entries(pids).map(([name, of]) => [name, of.reduce<number>((sum, pid) => sum + cpuMs(pid), 0)]),
    ),
    database: cpuMsWithChildren(postgres.pid),
  });
  const statements = async () =>
    Number(
      await postgres.sql("select sum(calls) from pg_stat_statements where query !~ 'pg_stat_statements'", storeUrl),
    );
  const before = { used: used(), statements: await statements(), updates: await updates(), atMs: performance.now() };
  await meanwhile(before.atMs + ROUND_MS);
  const seconds = (performance.now() - before.atMs) / 1_000;
  const after = { used: used(), statements: await statements(), updates: await updates() };
  return {
    cpu: Object.fromEntries(
      Object.entries(after.used).map(([name, ms]) => [name, (ms - (before.used[name as "database"] ?? 0)) / seconds]),
    ),
    statementsPerS: (after.statements - before.statements) / seconds,
    updatesPerS: (after.updates - before.updates) / seconds,
  };
}

async function countOf(workers: readonly WorkerProcess[], what: string): Promise<number> {
  const counts = (await Promise.all(workers.map((worker) => worker.ask({})))) as Readonly<Record<string, number>>[];
  return counts.reduce((sum, count) => sum + (count[what] ?? 0), 0);
}

function sumOf(cpu: Readonly<Record<string, number>>): number {
  return Object.values(cpu).reduce((sum, ms) => sum + ms, 0);
}

function cpuFigures(prefix: string, rounds: readonly Round[]): Record<string, number> {
  const names = Object.keys(rounds[0]?.cpu ?? {});
  const each = names.map((name) => [
    `${prefix}${name}_cpu_ms_per_s`,
    round(median(rounds.map(({ cpu }) => cpu[name] ?? 0))),
  ]);
  return { ...Object.fromEntries(each), [`${prefix}cpu_ms_per_s`]: round(median(rounds.map(({ cpu }) => sumOf(cpu)))) };
}

function sayRounds(what: string, rounds: readonly Round[], { say }: BenchOptions): void {
  say(
    `${what}: ${spread(
      rounds.map((one) => one.updatesPerS),
      "updates/s",
    )}`,
  );
  say(
    `${what}: ${spread(
      rounds.map((one) => one.statementsPerS),
      "SQL statements/s",
    )}`,
  );
  say(
    `${what}: processor time ${spread(
      rounds.map(({ cpu }) => sumOf(cpu)),
      "ms/s",
    )}`,
  );
  for (const name of Object.keys(rounds[0]?.cpu ?? {})) {
    say(
      `${what}: of that, ${name} ${spread(
        rounds.map(({ cpu }) => cpu[name] ?? 0),
        "ms/s",
      )}`,
    );
  }
}
