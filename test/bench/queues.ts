/**
 * What the queues of 10,000 agents cost a broker: its memory, and how long it is away when it restarts. With NATS it is 2,500.
 *
 * The queues, bindings and consumers are those of the agents, declared by the bus itself, but over a few connections:
 * 10,000 processes would not fit on the machine. What a connection for each adds is measured with 1,000 of them.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Bench, type BenchOptions, median, round, spread } from "./bench.ts";
import { rssMiB } from "./process-usage.ts";
import { brokers, type CountedBroker } from "./queues/brokers.ts";
import { WorkerProcess } from "./worker-process.ts";

const MOST_AGENTS = {
  amqp: 10_000,
  // nats-server 2.9 takes longer for each further consumer of a stream: 17 a second with 13,000 there.
  nats: 2_500,
};
/** Each has a durable queue for either topic. */
const QUEUES_OF_AN_AGENT = 2;
/** What RabbitMQ keeps of its open files for other things, and we for connections. */
const OTHER_FILES = 400;
/** RabbitMQ gives a connection 2047 channels, and a host takes a few. */
const CONNECTIONS = 20;
const AGENTS_WITH_CONNECTIONS = 1_000;
const RESTARTS = 3;
/** RabbitMQ takes minutes to recover as many queues on two processors. */
const RECOVERY_LIMIT_MS = 15 * 60_000;

const ENDS = ["stopped", "killed"] as const;

export const queues: Bench = async (options) => {
  const figures: Record<string, number> = {};
  for (const driver of ["amqp", "nats"] as const) {
    const agents = Math.min(MOST_AGENTS[driver], agentsWithin(openFileLimit()));
    const taken = { ...(await measureQueues(driver, agents, options)), ...(await measureConnections(driver, options)) };
    for (const [name, value] of Object.entries(taken)) figures[`${driver}_${name}`] = value;
  }
  return { figures, ratios: {} };
};

async function measureQueues(
  driver: keyof typeof brokers,
  count: number,
  options: BenchOptions,
): Promise<Record<string, number>> {
  const say = (line: string) => options.say(`${driver}: ${line}`);
  await using stack = new AsyncDisposableStack();
  const broker = await brokers[driver]();
  stack.use(broker.service);
  const emptyMiB = await settledRssMiB(broker);

  const startedMs = performance.now();
  const agents = stack.adopt(await startAgents(count, CONNECTIONS, broker), (worker) => worker.kill9());
  const declaredMs = performance.now() - startedMs;
  const declared = await broker.count();
  const filledMiB = await settledRssMiB(broker);
  say(`${count} agents over ${CONNECTIONS} connections declared in ${round(declaredMs / 1000)} s: ${shown(declared)}`);
  say(`resident ${round(emptyMiB)} MiB empty, ${round(filledMiB)} MiB with all of it`);

  const figures: Record<string, number> = {
    agents: count,
    empty_rss_mib: round(emptyMiB),
    filled_rss_mib: round(filledMiB),
    declare_ms: round(declaredMs),
    durable: declared.durable,
    transient: declared.transient,
  };
  for (const end of ENDS) {
    const runs = await repeat(options.runs ?? RESTARTS, () => restartUnderAgents(broker, end, agents));
    const answersMs = runs.map((run) => run.answersMs);
    const servedMs = runs.map((run) => run.servedMs);
    say(`${end} under its agents: it answers after ${spread(answersMs, "ms")}`);
    say(`${end} under its agents: all is declared and consumed again after ${spread(servedMs, "ms")}`);
    figures[`${end}_answers_ms`] = round(median(answersMs));
    figures[`${end}_served_ms`] = round(median(servedMs));
  }
  // Nobody there who could declare anything: what is found was kept.
  await agents.kill9();
  for (const end of ENDS) {
    const { answersMs } = await restart(broker, end);
    const kept = await broker.count();
    say(`${end} with its agents away: it answers after ${round(answersMs)} ms and has ${shown(kept)}`);
    figures[`${end}_alone_answers_ms`] = round(answersMs);
    figures[`${end}_alone_durable`] = kept.durable;
  }
  return figures;
}

/** A connection for each agent, of as many as the machine bears. */
async function measureConnections(
  driver: keyof typeof brokers,
  options: BenchOptions,
): Promise<Record<string, number>> {
  await using stack = new AsyncDisposableStack();
  const broker = await brokers[driver]();
  stack.use(broker.service);
  const emptyMiB = await settledRssMiB(broker);
  const agents = await startAgents(AGENTS_WITH_CONNECTIONS, AGENTS_WITH_CONNECTIONS, broker);
  stack.adopt(agents, (worker) => worker.kill9());
  const kibPerAgent = (((await settledRssMiB(broker)) - emptyMiB) * 1024) / AGENTS_WITH_CONNECTIONS;
  options.say(
    `${driver}: ${AGENTS_WITH_CONNECTIONS} agents with a connection each: ${round(kibPerAgent)} KiB an agent at the broker`,
  );
  const { answersMs, servedMs } = await restartUnderAgents(broker, "killed", agents);
  options.say(
    `${driver}: killed under these, it answers after ${round(answersMs)} ms, all is back after ${round(servedMs)} ms`,
  );
  return {
    connected_agent_kib: round(kibPerAgent),
    connected_killed_answers_ms: round(answersMs),
    connected_killed_served_ms: round(servedMs),
  };
}

/** With fewer files than it has durable queues, a RabbitMQ that was killed (3.10.8) waits for ever when it starts. */
function agentsWithin(openFiles: number): number {
  return Math.floor((openFiles - OTHER_FILES) / QUEUES_OF_AN_AGENT);
}

/** Of this process, which the brokers inherit. */
function openFileLimit(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}

async function startAgents(count: number, connections: number, { service }: CountedBroker): Promise<WorkerProcess> {
  const program = fileURLToPath(new URL("queues/agents.ts", import.meta.url));
  return await WorkerProcess.start([process.execPath, program, String(count), String(connections), service.url]);
}

/** Times from the moment at which its end was asked for. */
async function restart({ service }: CountedBroker, end: (typeof ENDS)[number]) {
  const startedMs = performance.now();
  await (end === "stopped" ? service.stop({ graceMs: RECOVERY_LIMIT_MS }) : service.kill9());
  await service.start({ deadlineMs: RECOVERY_LIMIT_MS });
  return { startedMs, answersMs: performance.now() - startedMs };
}

async function restartUnderAgents(broker: CountedBroker, end: (typeof ENDS)[number], agents: WorkerProcess) {
  // Asked before, answered when it is so: they may have found the broker again by the time that we could ask.
  const lost = agents.ask({ until: "lost" });
  const { startedMs, answersMs } = await restart(broker, end);
  await lost;
  await agents.ask({ until: "served" });
  return { answersMs, servedMs: performance.now() - startedMs };
}

/** Memory once it has stopped changing: within 1% for five seconds. */
async function settledRssMiB({ service }: CountedBroker): Promise<number> {
  const seen = [rssMiB(service.pid)];
  for (;;) {
    await delay(1_000);
    seen.push(rssMiB(service.pid));
    const last = seen.slice(-6);
    if (last.length === 6 && Math.max(...last) - Math.min(...last) < 0.01 * Math.max(...last)) return median(last);
  }
}

async function repeat<Result>(times: number, work: () => Promise<Result>): Promise<Result[]> {
  const results = [];
  for (let run = 0; run < times; run++) results.push(await work());
  return results;
}

function shown({ durable, transient }: { readonly durable: number; readonly transient: number }): string {
  return `${durable} durable, ${transient} transient`;
}
