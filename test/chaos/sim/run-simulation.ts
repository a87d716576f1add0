import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { recordingLogger } from "./recording-logger.ts";
import { runSeed } from "./run-seed.ts";
import type { SeedReport } from "./seed-worker.ts";

export interface SimulationOptions {
  /** So many seeds, one after the other; undefined plays one and prints its trace. */
  readonly runs: number | undefined;
  /** The first seed. @default 1 */
  readonly seed: number | undefined;
  /** @default one for each processor, two at most */
  readonly workers: number | undefined;
  /** Logs of all processes stand in the trace of a single seed. */
  readonly log: boolean;
}

/** Seeds of each broken promise that are shown. */
const SHOWN_SEEDS = 10;
/** Told so often that it goes on, ms. */
const TOLD_EVERY_MS = 10_000;

/** Plays seeds and prints what came of them. Resolves with the exit code: 0 when every promise was kept, otherwise 1. */
export async function runSimulation({ runs, seed = 1, workers, log }: SimulationOptions): Promise<number> {
  if (runs === undefined) return await showSeed(seed, log);
  const startedMs = performance.now();
  const failed: SeedReport[] = [];
  let played = 0;
  let steps = 0;
  let toldMs = startedMs;
  const count = Math.min(runs, workers ?? Math.min(2, availableParallelism()));
  const take = (report: SeedReport) => {
    played += 1;
    steps += report.steps;
    const [broken] = report.violations;
    if (broken !== undefined) {
      failed.push(report);
      console.error(`seed ${report.seed}: ${broken.rule}: ${broken.what}`);
    }
    const nowMs = performance.now();
    if (nowMs - toldMs < TOLD_EVERY_MS) return;
    toldMs = nowMs;
    console.error(`${played} of ${runs} runs, ${failed.length} with a broken promise`);
  };
  await Promise.all(Array.from({ length: count }, (_, index) => playIn(index, { seed, runs, count }, take)));
  const seconds = (performance.now() - startedMs) / 1000;
  summarize(failed.sort((one, other) => one.seed - other.seed));
  const first = failed[0];
  if (first !== undefined) await showSeed(first.seed, false);
  console.log(
    `${played} runs from seed ${seed} in ${seconds.toFixed(1)} s (${(played / seconds).toFixed(1)} a second, ` +
      `${Math.round(steps / played)} steps each): ${failed.length} with a broken promise`,
  );
  return failed.length === 0 ? 0 : 1;
}

/** One worker thread, which plays every `count`-th seed. */
async function playIn(
  index: number,
  { seed, runs, count }: { readonly seed: number; readonly runs: number; readonly count: number },
  take: (report: SeedReport) => void,
): Promise<void> {
  const script = fileURLToPath(new URL("./seed-worker.ts", import.meta.url));
  const worker = new Worker(script, { workerData: { first: seed + index, below: seed + runs, every: count } });
  await new Promise<void>((resolve, reject) => {
    worker.on("message", take);
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });
}

async function showSeed(seed: number, log: boolean): Promise<number> {
  const { trace, violations } = await runSeed(seed, log ? recordingLogger : undefined);
  for (const line of trace) console.log(line);
  for (const { rule, what } of violations) console.log(`broken in seed ${seed}: ${rule}: ${what}`);
  if (violations.length === 0) console.log(`seed ${seed}: every promise was kept`);
  return violations.length === 0 ? 0 : 1;
}

/** By promise, with the seeds to look at. */
function summarize(failed: readonly SeedReport[]): void {
  const byRule = new Map<string, { readonly seeds: number[]; readonly example: string }>();
  for (const { seed, violations } of failed) {
    // What follows from the first is told by the seed's trace.
    const [first] = violations;
    if (first === undefined) continue;
    const known = byRule.get(first.rule) ?? { seeds: [], example: first.what };
    known.seeds.push(seed);
    byRule.set(first.rule, known);
  }
  for (const [rule, { seeds, example }] of byRule) {
    const more = seeds.length > SHOWN_SEEDS ? ", …" : "";
    console.log(`${seeds.length} × ${rule}: seeds ${seeds.slice(0, SHOWN_SEEDS).join(", ")}${more}\n    ${example}`);
  }
}
