/**
 * What a large fleet costs while nothing moves: 10,000 hosts with ten guests each, reported by the reporter of the agents over a real
 * broker. Memory of the services, choosing a destination, walking the server list page by page, and a cold start of all three.
 */
import { fileURLToPath } from "node:url";
import { openAmqpBus } from "@drover/bus";
import { selectDestinations } from "@drover/contracts";
import { SERVICE_DOWN_TIME_MS, silentLogger, systemClock } from "@drover/model";
import { type DroverProcess, waitFor } from "@drover/testkit";
import { type FleetServices, startFleetServices } from "../../fleet/fleet-services.ts";
import { type Bench, type BenchOptions, median, quantile, round, spread } from "../bench.ts";
import { rssMiB } from "../process-usage.ts";
import { WorkerProcess } from "../worker-process.ts";
import type { ReportingSpec } from "./reporting-spec.ts";

const HOSTS = 10_000;
const GUESTS_PER_HOST = 10;
/** Choices of one round, at a rate that leaves the scheduler alone between two. */
const CHOICES = 60;
const CHOOSE_EVERY_MS = 250;
/** As many as a conductor asks for at first. */
const CANDIDATES = 50;
const ROUNDS = 3;
const PAGE = 100;
const WALKERS = 4;
const WALK_MS = 15_000;

type Figures = Readonly<Record<string, number>>;

export const knownFleet: Bench = async (options) => {
  const { say, runs = ROUNDS } = options;
  await using stack = new AsyncDisposableStack();
  const services = stack.use(await startFleetServices({}));
  const spec: ReportingSpec = { hosts: HOSTS, guestsPerHost: GUESTS_PER_HOST, busUrl: services.rabbit.url };
  const program = fileURLToPath(new URL("reporting-agents.ts", import.meta.url));
  const beganAtMs = performance.now();
  const agents = await WorkerProcess.start([process.execPath, program, JSON.stringify(spec)]);
  stack.defer(() => agents.kill9());
  const reportsPerS = round(HOSTS / ((performance.now() - beganAtMs) / 1_000));
  say(`${HOSTS} hosts with ${HOSTS * GUESTS_PER_HOST} guests are known: ${reportsPerS} reports/s, 64 at a time`);
  const choose = await measureChoices(services, runs, options);
  const walks = {
    ...(await measureWalks(services, "servers", "list", runs, options)),
    ...(await measureWalks(services, "servers/detail", "detail", runs, options)),
  };
  const memory = memoryOf(services, options);
  const cold = await measureColdStart(services, options);
  return {
    figures: {
      known_hosts: HOSTS,
      known_guests: HOSTS * GUESTS_PER_HOST,
      host_reports_per_s: reportsPerS,
      ...choose,
      ...walks,
      ...memory,
      ...cold,
    },
    ratios: {},
  };
};

async function measureChoices(services: FleetServices, runs: number, { say }: BenchOptions): Promise<Figures> {
  const bus = openAmqpBus({
    ...{ urls: [services.rabbit.url], name: "drover-bench", clock: systemClock, logger: silentLogger },
  });
  await using _ = { [Symbol.asyncDispose]: () => bus.close() };
  const rounds: number[][] = [];
  let bytes = 0;
  // The first is not counted.
  for (let run = 0; run <= runs; run++) {
    const tookMs: number[] = [];
    for (let n = 0; n < CHOICES; n++) {
      const next = systemClock.sleep(CHOOSE_EVERY_MS);
      const sourceHost = `host-${String(Math.floor(Math.random() * HOSTS)).padStart(5, "0")}`;
      const [guest] = await services.store.guests.byHost(sourceHost);
      if (guest === undefined) throw new Error(`${sourceHost} has no guest`);
      const { uuid: serverUuid, name: serverName, memoryKiB, vcpus } = guest;
      const askedAtMs = performance.now();
      const answer = await bus.call(selectDestinations, {
        ...{
          serverUuid,
          serverName,
          memoryKiB,
          vcpus,
          sourceHost,
          requestedHost: null,
          everyReason: false,
          limit: CANDIDATES,
        },
      });
      tookMs.push(performance.now() - askedAtMs);
      if (answer.candidates.length === 0) throw new Error("no host could take it");
      bytes = JSON.stringify(answer).length;
      await next;
    }
    if (run > 0) rounds.push(tookMs);
  }
  const p50 = rounds.map((one) => quantile(one, 0.5));
  const p99 = rounds.map((one) => quantile(one, 0.99));
  say(
    `choosing among ${HOSTS} hosts: p50 ${spread(p50, "ms")}, p99 ${spread(p99, "ms")}; an answer has ${bytes} bytes`,
  );
  return { choose_p50_ms: round(median(p50)), choose_p99_ms: round(median(p99)), choose_answer_bytes: bytes };
}

/** Several walk from the first page to the last and begin again. */
async function measureWalks(
  services: FleetServices,
  path: string,
  name: string,
  runs: number,
  { say }: BenchOptions,
): Promise<Figures> {
  const perSecond: number[] = [];
  const p99: number[] = [];
  for (let run = 0; run < runs; run++) {
    const tookMs: number[] = [];
    const beganAtMs = performance.now();
    await Promise.all(Array.from({ length: WALKERS }, () => walk(services, path, beganAtMs + WALK_MS, tookMs)));
    perSecond.push(tookMs.length / ((performance.now() - beganAtMs) / 1_000));
    p99.push(quantile(tookMs, 0.99));
  }
  say(
    `/v2.1/${path} by pages of ${PAGE}, ${WALKERS} at a time: ${spread(perSecond, "requests/s")}, p99 ${spread(p99, "ms")}`,
  );
  return { [`server_${name}_requests_per_s`]: round(median(perSecond)), [`server_${name}_p99_ms`]: round(median(p99)) };
}

async function walk(services: FleetServices, path: string, untilMs: number, tookMs: number[]): Promise<void> {
  const headers = { "X-Auth-Token": services.token, "X-OpenStack-Nova-API-Version": "2.80" };
  const first = `${services.url}/v2.1/${path}?limit=${PAGE}`;
  let next: string | undefined = first;
  while (performance.now() < untilMs) {
    const askedAtMs = performance.now();
    const response: Response = await fetch(next ?? first, { headers });
    const page = (await response.json()) as {
      readonly servers?: readonly unknown[];
      readonly servers_links?: readonly { readonly href: string }[];
    };
    tookMs.push(performance.now() - askedAtMs);
    if (page.servers?.length !== PAGE)
      throw new Error(`${next} answered ${response.status}: ${JSON.stringify(page).slice(0, 200)}`);
    next = page.servers_links?.[0]?.href;
  }
}

function memoryOf(services: FleetServices, { say }: BenchOptions): Figures {
  const of = ({ identity }: DroverProcess) => round(rssMiB(identity?.pid));
  const [conductor, scheduler, api] = [of(services.conductor), of(services.scheduler), of(services.api)];
  say(`resident memory then: conductor ${conductor} MiB, scheduler ${scheduler} MiB, API ${api} MiB`);
  return { fleet_conductor_rss_mib: conductor, fleet_scheduler_rss_mib: scheduler, fleet_api_rss_mib: api };
}

/** All three are away for so long that every host counts as down; the agents go on trying. */
async function measureColdStart(services: FleetServices, { say }: BenchOptions): Promise<Figures> {
  const { api, conductor, scheduler, client } = services;
  const all = [api, conductor, scheduler];
  await Promise.all(all.map((process) => process.stop()));
  await systemClock.sleep(SERVICE_DOWN_TIME_MS + 5_000);
  const beganAtMs = performance.now();
  const seconds = () => round((performance.now() - beganAtMs) / 1_000);
  for (const process of all) process.start();
  await Promise.all(all.map((process) => process.waitUntilReady()));
  const readyAfterS = seconds();
  await waitFor(
    "every host to be up again",
    async () => {
      const up = (await client.hosts()).hosts.filter(({ state }) => state === "up").length;
      if (up < HOSTS) throw new Error(`${up} are`);
      return true;
    },
    { deadlineMs: 300_000, intervalMs: 500 },
  );
  const knownAfterS = seconds();
  say(`cold start: ready after ${readyAfterS} s, all hosts up in the API after ${knownAfterS} s`);
  return { cold_start_ready_s: readyAfterS, cold_start_known_s: knownAfterS };
}
