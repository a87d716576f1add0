/**
 * `npm run chaos -- --sim [--runs N] [--seed S]`: plays Drover against trouble drawn from a seed. With `--runs` so many seeds
 * from S on; without it the one seed, with its trace.
 *
 * `npm run chaos -- --lab [--runs N] [--seed S]`: the reliability matrix on real guests, for which it needs what
 * `npm run lab` needs. With `--runs` beyond the number of cells they are repeated in other orders.
 *
 * Both end with 1 when a promise was broken, with 2 for bad options.
 */
import { parseArgs } from "node:util";
import { build } from "../../scripts/build.ts";

const USAGE = `usage: npm run chaos -- --sim [--runs N] [--seed S] [--workers N] [--log]
       npm run chaos -- --lab [--runs N] [--seed S] [--only PART@STATE,…] [--out FOLDER] [--report]`;

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
        only: { type: "string" },
        out: { type: "string" },
        report: { type: "boolean", default: false },
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

const { only, out, report: reportOnly, log, ...values } = readOptions();
if (values.sim === values.lab) complain("name one of --sim and --lab");
const runs = wholeNumber("runs", values.runs, 1);
const seed = wholeNumber("seed", values.seed, 0);
const workers = wholeNumber("workers", values.workers, 1);
await build("building Drover");
if (values.lab) {
  const { runLab } = await import("./lab/run-lab.ts");
  const say = (line: string) => console.error(line);
  const passed = await runLab({ runs, seed, only: only?.split(","), out, reportOnly, say });
  process.exitCode = passed ? 0 : 1;
} else {
  const { runSimulation } = await import("./sim/run-simulation.ts");
  process.exitCode = await runSimulation({ runs, seed, workers, log });
}
