/** A thread that plays seeds; see run-simulation.ts. */
import { parentPort, workerData } from "node:worker_threads";
import type { Violation } from "./run-ledger.ts";
import { runSeed } from "./run-seed.ts";

export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly steps: number;
}

interface Share {
  readonly first: number;
  readonly below: number;
  readonly every: number;
}

// Thousands of errors are made on purpose, and nobody reads where: a stack costs more than the rest of an error.
Error.stackTraceLimit = 0;

const { first, below, every }: Share = workerData;
for (let seed = first; seed < below; seed += every) {
  const { violations, steps } = await runSeed(seed);
  const report: SeedReport = { seed, violations, steps };
  parentPort?.postMessage(report);
}
