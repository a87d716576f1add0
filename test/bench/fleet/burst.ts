/**
 * Many migrations asked for at once: every guest of a fleet to the next host, through the real agents on simulated hosts. How long
 * until all are over, against what limits and links allow; and what it costs as the fleet grows. The largest fleet is 10,000 hosts, of
 * which 1,000 have agents that can migrate and the others report only.
 */
import { fileURLToPath } from "node:url";
import { waitFor } from "@drover/testkit";
import { type FleetPlane, requestMoves, startFleetPlane } from "../../fleet/fleet-plane.ts";
import { untilUp } from "../../fleet/fleet-services.ts";
import { GUEST } from "../../fleet/host-process-spec.ts";
import { type Bench, type BenchOptions, median, round, spread } from "../bench.ts";
import { cpuMs, cpuMsWithChildren } from "../process-usage.ts";
import { WorkerProcess } from "../worker-process.ts";
import { migrationsLeft, requireCompleted } from "./recorded-moves.ts";
import type { ReportingSpec } from "./reporting-spec.ts";

/** Of all hosts, so many have guests that move. */
const FLEETS = [
  { hosts: 100, moving: 100 },
  { hosts: 1_000, moving: 1_000 },
  { hosts: 10_000, moving: 1_000 },
] as const;
const PROCESSES = 2;
const GUESTS_PER_HOST = 2;
/** All guests of a host leave at the same time and share its link. */
const LINK_MIBPS = 36;
/** `max_concurrent_migrations`: as many as two processors have agents watch, with time left for the rest. */
const AT_A_TIME = 250;
const REQUESTS_AT_ONCE = 32;
const ROUNDS = 1;
const OVER_WITHIN_MS = 1_500_000;
/** What a copy takes beside its memory, ms: the simulated destination's preparation. */
const PREPARE_MS = 100;

/** A host's guests go together; while they are copied, what they write goes over the link as well. */
const COPY_S =
  PREPARE_MS / 1_000 + (GUESTS_PER_HOST * GUEST.touchedMiB) / (LINK_MIBPS - GUESTS_PER_HOST * GUEST.dirtyMiBps);

/** What limits and links allow: as many as may go at a time, one lot after the other. */
function boundS(migrations: number): number {
  return Math.ceil(migrations / AT_A_TIME) * COPY_S;
}

interface Burst {
  readonly askedS: number;
  readonly allOverS: number;
  /** Processor time of one migration, ms, by process. */
  readonly cpu: Readonly<Record<string, number>>;
}

export const burst: Bench = async (options) => {
  const { say, runs = ROUNDS } = options;
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  for (const fleet of FLEETS) {
    const bursts: Burst[] = [];
    for (let run = 0; run < runs; run++) bursts.push(await oneBurst(fleet, options));
    const migrations = fleet.moving * GUESTS_PER_HOST;
    const name = `burst_${fleet.hosts}_hosts`;
    const all = bursts.map(({ allOverS }) => allOverS);
    const cpu = bursts.map((one) => sumOf(one.cpu));
    say(`${fleet.hosts} hosts, ${migrations} migrations: ${spread(all, "s")}; bound ${round(boundS(migrations))} s`);
    figures[`${name}_s`] = round(median(all));
    figures[`${name}_bound_s`] = round(boundS(migrations));
    figures[`${name}_asked_s`] = round(median(bursts.map(({ askedS }) => askedS)));
    figures[`${name}_cpu_ms_per_migration`] = round(median(cpu));
    for (const part of Object.keys(bursts[0]?.cpu ?? {})) {
      figures[`${name}_${part}_cpu_ms_per_migration`] = round(median(bursts.map((one) => one.cpu[part] ?? 0)));
    }
    ratios[fleet.hosts === 1_000 ? "burst_vs_bound" : `${name}_vs_bound`] = hundredths(
      median(all) / boundS(migrations),
    );
  }
  return { figures, ratios };
};

async function oneBurst({ hosts, moving }: (typeof FLEETS)[number], { say }: BenchOptions): Promise<Burst> {
  await using stack = new AsyncDisposableStack();
  const size = { processes: PROCESSES, hostsPerProcess: moving / PROCESSES, guestsPerHost: GUESTS_PER_HOST };
  const plane = stack.use(
    await startFleetPlane({
      ...{ ...size, linkMiBps: LINK_MIBPS },
      env: { DROVER_CONDUCTOR_MAX_CONCURRENT_MIGRATIONS: String(AT_A_TIME) },
    }),
  );
  if (hosts > moving) await addReportingHosts(stack, plane, hosts);
  const moves = plane.hostProcesses.flatMap((process) => process.moves);
  const before = usedBy(plane);
  await requestMoves(plane.client, moves, REQUESTS_AT_ONCE);
  await waitFor(
    `${moves.length} migrations to be over`,
    async () => {
      const left = await migrationsLeft(plane);
      if (left > 0) throw new Error(`${left} are not`);
      return true;
    },
    { deadlineMs: OVER_WITHIN_MS, intervalMs: 1_000 },
  );
  const after = usedBy(plane);
  const times = await plane.postgres.sql(
    "select max(created_at) - min(created_at), max(ended_at) - min(created_at) from migrations",
    plane.storeUrl,
  );
  const [askedS = 0, allOverS = 0] = times.split("|").map((ms) => Number(ms) / 1_000);
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / moves.length]),
  );
  await requireCompleted(plane, moves.length);
  say(
    `asked within ${round(askedS)} s, all over after ${round(allOverS)} s; ms of processor for one migration: ${sentence(cpu)}`,
  );
  return { askedS, allOverS, cpu };
}

async function addReportingHosts(stack: AsyncDisposableStack, plane: FleetPlane, hosts: number): Promise<void> {
  const known = plane.hostProcesses.reduce((sum, process) => sum + process.hosts.length, 0);
  const spec: ReportingSpec = { hosts: hosts - known, guestsPerHost: GUESTS_PER_HOST, busUrl: plane.rabbit.url };
  const program = fileURLToPath(new URL("reporting-agents.ts", import.meta.url));
  const agents = await WorkerProcess.start([process.execPath, program, JSON.stringify(spec)]);
  stack.defer(() => agents.kill9());
  await untilUp(plane, hosts, GUESTS_PER_HOST);
}

function usedBy(plane: FleetPlane): Readonly<Record<string, number>> {
  return {
    api: cpuMs(plane.api.identity?.pid),
    conductor: cpuMs(plane.conductor.identity?.pid),
    scheduler: cpuMs(plane.scheduler.identity?.pid),
    rabbit: cpuMs(plane.rabbit.pid),
    redis: cpuMs(plane.redis.pid),
    database: cpuMsWithChildren(plane.postgres.pid),
    agents: plane.hostProcesses.reduce((sum, { pid }) => sum + cpuMs(pid), 0),
  };
}

function sumOf(cpu: Readonly<Record<string, number>>): number {
  return Object.values(cpu).reduce((sum, ms) => sum + ms, 0);
}

function sentence(cpu: Readonly<Record<string, number>>): string {
  return Object.entries(cpu)
    .map(([name, ms]) => `${name} ${round(ms)}`)
    .join(", ");
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
