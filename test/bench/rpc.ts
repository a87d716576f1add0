/**
 * How many calls the bus carries, against the same client library without Drover and against oslo.messaging: an echo of
 * about 300 bytes of JSON through one RabbitMQ and one NATS server, each end in a process of its own, by one caller and by
 * fifty. The alternatives take turns, so that what else the machine does meets all of them.
 */
import { type RealService, startNats, startRabbitMq } from "@drover/testkit";
import { type Bench, type BenchOptions, median, round, spread } from "./bench.ts";
import { type Contender, type Measurement, measure, workerCommand } from "./rpc/contender.ts";
import { WorkerProcess } from "./worker-process.ts";

const ROUNDS = 5;
const FOR_MS = 3_000;
const WARM_UP_MS = 2_000;
const CALLERS = [1, 50] as const;

const ALTERNATIVES = [
  { key: "bare_amqp", worker: "bare-amqp", broker: "rabbitmq", label: "bare amqplib" },
  { key: "drover_amqp", worker: "drover", broker: "rabbitmq", label: "Drover, AMQP" },
  { key: "oslo", worker: "oslo", broker: "rabbitmq", label: "oslo.messaging" },
  { key: "drover_nats", worker: "drover", broker: "nats", label: "Drover, NATS" },
  { key: "bare_nats", worker: "bare-nats", broker: "nats", label: "bare NATS" },
] as const;

type Key = (typeof ALTERNATIVES)[number]["key"];
type Callers = (typeof CALLERS)[number];
/** One measurement for each round. */
type Series = (key: Key, callers: Callers) => readonly Measurement[];

export const rpc: Bench = async (options) => {
  const stack = new AsyncDisposableStack();
  try {
    const brokers = { rabbitmq: stack.use(await startRabbitMq()), nats: stack.use(await startNats()) };
    const contenders = await startContenders(brokers, stack);
    const series = await measureRounds(contenders, options);
    for (const callers of CALLERS) {
      for (const { key, label } of ALTERNATIVES) report(label, callers, series(key, callers), options.say);
    }
    const figures: Record<string, number> = {};
    for (const { key } of ALTERNATIVES) {
      for (const callers of CALLERS) Object.assign(figures, figuresOf(`${key}_${callers}`, series(key, callers)));
    }
    const ratio = (ours: Key, theirs: Key) => ratioOf(series, ours, theirs, options.say);
    return {
      figures,
      ratios: {
        amqp_vs_bare: ratio("drover_amqp", "bare_amqp"),
        amqp_vs_oslo: ratio("drover_amqp", "oslo"),
        nats_vs_bare: ratio("drover_nats", "bare_nats"),
      },
    };
  } finally {
    await stack.disposeAsync();
  }
};

async function startContenders(
  brokers: Readonly<Record<"rabbitmq" | "nats", RealService>>,
  stack: AsyncDisposableStack,
): Promise<(Contender & { readonly key: Key })[]> {
  const contenders = [];
  for (const { key, label, worker, broker } of ALTERNATIVES) {
    const { url } = brokers[broker];
    // The server first: a call to nobody is refused or lost.
    const server = stack.adopt(await WorkerProcess.start(workerCommand(worker, "server", url)), (end) => end.end());
    const client = stack.adopt(await WorkerProcess.start(workerCommand(worker, "client", url)), (end) => end.end());
    contenders.push({ key, label, client, server, brokerPid: () => brokers[broker].pid });
  }
  return contenders;
}

async function measureRounds(
  contenders: readonly (Contender & { readonly key: Key })[],
  { runs = ROUNDS, say }: BenchOptions,
): Promise<Series> {
  const taken = new Map<string, Measurement[]>();
  for (const contender of contenders) {
    for (const callers of CALLERS) await measure(contender, { callers, forMs: WARM_UP_MS });
  }
  for (let run = 1; run <= runs; run++) {
    for (const contender of contenders) {
      for (const callers of CALLERS) {
        const measurement = await measure(contender, { callers, forMs: FOR_MS });
        const name = `${contender.key} ${callers}`;
        taken.set(name, [...(taken.get(name) ?? []), measurement]);
      }
    }
    const atFifty = contenders.map(
      ({ key, label }) => `${label} ${round(taken.get(`${key} 50`)?.at(-1)?.callsPerS ?? 0)}`,
    );
    say(`round ${run} of ${runs}, calls/s with fifty callers: ${atFifty.join(", ")}`);
  }
  return (key, callers) => taken.get(`${key} ${callers}`) ?? [];
}

function report(label: string, callers: Callers, series: readonly Measurement[], say: BenchOptions["say"]): void {
  const of = (read: (measurement: Measurement) => number) => median(series.map(read));
  const ms = (value: number) => value.toFixed(value < 10 ? 2 : 1);
  say(
    [
      `${label.padEnd(15)} ${callers === 1 ? " 1 caller " : "50 callers"}`,
      spread(
        series.map(({ callsPerS }) => callsPerS),
        "calls/s",
      ),
      `p50 ${ms(of(({ p50Ms }) => p50Ms))} ms`,
      `p99 ${ms(of(({ p99Ms }) => p99Ms))} ms`,
      `CPU ms per call client ${of((m) => m.clientCpuMsPerCall).toFixed(3)} server ${of((m) => m.serverCpuMsPerCall).toFixed(3)} broker ${of((m) => m.brokerCpuMsPerCall).toFixed(3)}`,
      `resident client ${round(of((m) => m.clientRssMiB))} server ${round(of((m) => m.serverRssMiB))} MiB`,
    ].join(" | "),
  );
}

function figuresOf(prefix: string, series: readonly Measurement[]): Record<string, number> {
  const of = (read: (measurement: Measurement) => number) => median(series.map(read));
  const callsPerS = series.map((measurement) => measurement.callsPerS);
  return {
    [`${prefix}_calls_per_s`]: round(median(callsPerS)),
    [`${prefix}_calls_per_s_low`]: round(Math.min(...callsPerS)),
    [`${prefix}_calls_per_s_high`]: round(Math.max(...callsPerS)),
    [`${prefix}_p50_ms`]: fine(of(({ p50Ms }) => p50Ms)),
    [`${prefix}_p99_ms`]: fine(of(({ p99Ms }) => p99Ms)),
    [`${prefix}_client_cpu_ms_per_call`]: fine(of((measurement) => measurement.clientCpuMsPerCall)),
    [`${prefix}_server_cpu_ms_per_call`]: fine(of((measurement) => measurement.serverCpuMsPerCall)),
    [`${prefix}_broker_cpu_ms_per_call`]: fine(of((measurement) => measurement.brokerCpuMsPerCall)),
    [`${prefix}_client_rss_mib`]: round(of(({ clientRssMiB }) => clientRssMiB)),
    [`${prefix}_server_rss_mib`]: round(of(({ serverRssMiB }) => serverRssMiB)),
  };
}

/** Round by round, since one round's alternatives had the same machine; the median of that. */
function ratioOf(series: Series, ours: Key, theirs: Key, say: BenchOptions["say"]): number {
  const their = series(theirs, 50);
  const ratios = series(ours, 50).map(({ callsPerS }, index) => callsPerS / (their[index]?.callsPerS ?? Number.NaN));
  const shown = `${fine(median(ratios))} (${fine(Math.min(...ratios))}–${fine(Math.max(...ratios))}, n=${ratios.length})`;
  say(`${ours} to ${theirs}, fifty callers, round by round: ${shown}`);
  return Math.round(median(ratios) * 100) / 100;
}

function fine(value: number): number {
  return Math.round(value * 1000) / 1000;
}
