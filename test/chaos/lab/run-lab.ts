/** `npm run chaos -- --lab`: the reliability matrix on real guests. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "@drover/testkit";
import { SeededRandom } from "../seeded-random.ts";
import { allCells, type Cell, cellName, PARTS, STATES } from "./cells.ts";
import { type ChaosPlane, startChaosPlane } from "./chaos-plane.ts";
import { writeReport } from "./report.ts";
import { type CellResult, type CellVariation, runCell } from "./run-cell.ts";

export interface LabChaosOptions {
  /** Cells to run; more than there are repeats them in other orders. @default each once */
  readonly runs?: number;
  /** Decides order, delays and how networks are cut, after the first pass. @default 1 */
  readonly seed?: number;
  /** Only cells whose name contains one of these: "broker@", "@running". @default all */
  readonly only?: readonly string[];
  /** Folder of the results; a run goes on after what is in it. @default lab-chaos in the test kit's cache */
  readonly out?: string;
  /** Write the report from the results that are there, and run nothing. @default false */
  readonly reportOnly?: boolean;
  /** Write docs/reliability.md at the end. @default true, unless `only` is given */
  readonly report?: boolean;
  readonly say?: (line: string) => void;
}

/** Runs the matrix; resolves with whether every cell of all results passed. Each result is on disk before the next cell. */
export async function runLab(options: LabChaosOptions = {}): Promise<boolean> {
  const { seed = 1, only = [], out = join(cacheFolder(), "lab-chaos"), say = () => undefined } = options;
  const file = join(out, `results-seed-${seed}.jsonl`);
  mkdirSync(out, { recursive: true });
  const cells = allCells().filter((cell) => only.length === 0 || only.some((part) => cellName(cell).includes(part)));
  if (cells.length === 0) throw new Error(`no cell's name contains ${only.join(" or ")}`);
  if (options.reportOnly !== true) {
    const done = new Set(readResults(file).map(({ run }) => run));
    const plan = planOf(cells, options.runs ?? cells.length, seed).filter(({ run }) => !done.has(run));
    await runAll(plan, say, (result) => appendFileSync(file, `${JSON.stringify(result)}\n`));
  }
  const results = readResults(file);
  if (options.reportOnly === true || (options.report ?? only.length === 0)) await writeReport(results, seed);
  return results.every(({ passed }) => passed);
}

/** One line of the results. `run` names what was to be done, so that a run can be gone on with. */
export interface RecordedResult extends CellResult {
  readonly run: string;
  readonly at: string;
}

interface PlannedRun {
  readonly run: string;
  readonly cell: Cell;
  readonly variation: CellVariation;
}

/** The first pass takes each cell once, with fixed delays; the seed decides all others. */
function planOf(cells: readonly Cell[], runs: number, seed: number): readonly PlannedRun[] {
  const random = new SeededRandom(seed);
  const plan: PlannedRun[] = [];
  for (let pass = 0; plan.length < runs; pass += 1) {
    const order = pass === 0 ? cells : random.shuffled(cells);
    for (const cell of order) {
      const firstCut = STATES.indexOf(cell.state) % 2 === PARTS.indexOf(cell.part) % 2 ? "drop" : "reset";
      const cut = pass === 0 ? firstCut : random.chance(0.5) ? "reset" : "drop";
      const varied = {
        strikeAfterMs: Math.round(random.fraction() * 1_000),
        awayMs: 500 + Math.round(random.fraction() * 7_500),
        cut,
      } as const;
      const variation = pass === 0 ? ({ strikeAfterMs: 0, awayMs: 3_000, cut } as const) : varied;
      plan.push({ run: `${pass}/${cellName(cell)}`, cell, variation });
    }
  }
  return plan.slice(0, runs);
}

async function runAll(
  plan: readonly PlannedRun[],
  say: (line: string) => void,
  keep: (result: RecordedResult) => void,
): Promise<void> {
  let chaos: ChaosPlane | undefined;
  try {
    for (const [index, { run, cell, variation }] of plan.entries()) {
      try {
        chaos ??= await startChaosPlane();
        await chaos.untilWell();
      } catch (error) {
        say(`the plane did not recover and is started anew: ${String(error).slice(0, 300)}`);
        await chaos?.[Symbol.asyncDispose]();
        chaos = await startChaosPlane();
      }
      const result = await runCell(chaos, cell, variation);
      keep({ run, at: new Date().toISOString(), ...result });
      say(`${index + 1}/${plan.length} ${lineOf(result)}`);
      if (!result.passed) await chaos.sweep().catch((error: unknown) => say(`could not sweep: ${String(error)}`));
    }
  } finally {
    await chaos?.[Symbol.asyncDispose]();
  }
}

function lineOf({ cell, passed, state, guestRunsOn, settledAfterS, tookS, problems }: CellResult): string {
  const end = `${state ?? "?"}, guest on ${guestRunsOn ?? "?"}, settled ${settledAfterS ?? "?"} s, took ${tookS} s`;
  return `${passed ? "ok  " : "FAIL"} ${cell}: ${end}${problems.map((problem) => `\n       ${problem}`).join("")}`;
}

function readResults(file: string): readonly RecordedResult[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line): RecordedResult => JSON.parse(line));
}
