/**
 * `npm run chaos -- --sim [--runs N] [--seed S]`: plays Drover against trouble drawn from a seed. With `--runs` so many seeds
 * from S on; without it the one seed, with its trace. Ends with 1 when a promise was broken, with 2 for bad options.
 *
 * `--lab` is for real hosts; it needs what `npm run lab` needs.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { build } from "../../scripts/build.ts";
import { runSimulation } from "./sim/run-simulation.ts";

const USAGE = `usage: npm run chaos -- --sim [--runs N] [--seed S] [--workers N] [--log]
       npm run chaos -- --lab [--runs N] [--seed S]`;

function complain(problem: string): never {
  console.error(`chaos: ${problem}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        sim: { type: "boolean", default: false },
        lab: { type: "boolean", default: false },
        runs: { type: "string" },
        seed: { type: "string" },
        workers: { type: "string" },
        log: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    complain(`--${option} takes a whole number from ${least} on, not "${text}"`);
  }
  return value;
}

/** The mode for real hosts, if this checkout has it. */
async function loadLab(): Promise<{ runLab(options: { runs?: number; seed?: number }): Promise<number> }> {
  const script = new URL("./lab/run-lab.ts", import.meta.url);
  if (!existsSync(script)) complain("--lab is not there in this checkout; use --sim");
  return await import(script.href);
}

const values = readOptions();
if (values.sim === values.lab) complain("name one of --sim and --lab");
const runs = wholeNumber("runs", values.runs, 1);
const seed = wholeNumber("seed", values.seed, 0);
const workers = wholeNumber("workers", values.workers, 1);
build("building Drover");
if (values.lab) {
  const { runLab } = await loadLab();
  process.exitCode = await runLab({ ...(runs === undefined ? {} : { runs }), ...(seed === undefined ? {} : { seed }) });
} else {
  process.exitCode = await runSimulation({ runs, seed, workers, log: values.log });
}
