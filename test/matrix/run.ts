/**
 * `npm run matrix [-- --only TEXT,… --out FOLDER --report]`: every cell of the migration matrix on real guests; goes on
 * after the cells that have passed on this commit, and writes docs/migration-matrix.md. Ends with 1 when a cell failed or
 * was not reached, with 2 for bad options or missing packages.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder, tierAvailability } from "@drover/testkit";
import { build } from "../../scripts/build.ts";
import { allCells, type Cell, cellName } from "./cells.ts";
import { keepLogs } from "./keep-logs.ts";
import { type MatrixPlane, startMatrixPlane } from "./matrix-plane.ts";
import { writeReport } from "./report.ts";
import { commitHere, type RecordedResult, readResults, recordResult } from "./results.ts";
import { runCell } from "./run-cell.ts";

const USAGE = "usage: npm run matrix [-- --only TEXT,…] [--out FOLDER] [--report]";

function complain(problem: string): never {
  console.error(`matrix: ${problem}`);
  process.exit(2);
}

function readOptions() {
  try {
    const options = { only: { type: "string" }, out: { type: "string" }, report: { type: "boolean" } } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return complain(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

const { only = "", out = join(cacheFolder(), "matrix"), report = false } = readOptions();
const wanted = allCells().filter((cell) =>
  only.split(",").some((part) => cellName(cell).toLowerCase().includes(part.toLowerCase())),
);
if (wanted.length === 0) complain(`no cell's name contains ${only}; one is ${allCells().map(cellName)[0]}\n${USAGE}`);
const commit = commitHere();
mkdirSync(out, { recursive: true });
if (!report) await runOpen();
const results = readResults(out, commit);
if (report || only === "") await writeReport(results, commit);
const missing = wanted.map(cellName).filter((name) => !results.some(({ cell, passed }) => cell === name && passed));
for (const name of missing) console.error(`matrix: ${describe(name, results)}`);
console.error(`matrix: ${wanted.length - missing.length} of ${wanted.length} cells passed on ${commit}`);
process.exitCode = missing.length === 0 ? 0 : 1;

async function runOpen(): Promise<void> {
  const { hypervisors, services } = await tierAvailability();
  const lacking = [...hypervisors.missingPackages, ...services.missingPackages];
  const reason = hypervisors.reason ?? services.reason;
  if (reason !== undefined) complain(`this machine cannot run it: ${reason}`);
  if (lacking.length > 0) complain(`install these packages first, or run npm test once: ${lacking.join(" ")}`);
  await build("building Drover");
  const done = new Set(readResults(out, commit).flatMap(({ cell, passed }) => (passed ? cell : [])));
  const open = wanted.filter((cell) => !done.has(cellName(cell)));
  if (done.size > 0) console.error(`matrix: going on after ${wanted.length - open.length} cells that passed`);
  const startMs = performance.now();
  let matrix: MatrixPlane | undefined;
  try {
    for (const [index, cell] of open.entries()) {
      matrix ??= await startMatrixPlane();
      const result = await runOne(matrix, cell);
      recordResult(out, { at: new Date().toISOString(), commit, ...result });
      const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
      console.error(`${index + 1}/${open.length} ${minutes} min ${describe(result.cell, [result])}`);
      if (result.passed) continue;
      const folder = join(out, "failed", result.cell);
      await keepLogs(matrix.chaos, folder);
      console.error(`       logs in ${folder}`);
      // What a failed cell has left would be in the way of all others.
      await matrix[Symbol.asyncDispose]();
      matrix = undefined;
    }
  } finally {
    await matrix?.[Symbol.asyncDispose]();
  }
}

async function runOne(matrix: MatrixPlane, cell: Cell) {
  await matrix.chaos.untilWell();
  return await runCell(matrix, cell);
}

type Described = Pick<RecordedResult, "cell" | "passed" | "problems" | "state" | "tookS">;

function describe(name: string, all: readonly Described[]): string {
  const result = all.find(({ cell }) => cell === name);
  if (result === undefined) return `not run: ${name}`;
  const head = `${result.passed ? "ok  " : "FAIL"} ${name}: ${result.state}, ${result.tookS} s`;
  return [head, ...result.problems].join("\n       ");
}
