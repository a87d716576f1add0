/**
 * `npm run matrix [-- --only TEXT,… --out FOLDER --report]`: every cell of the migration matrix on real guests; goes on
 * after what is in the folder, and writes docs/migration-matrix.md. Ends with 1 when a cell failed, with 2 for bad options.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder } from "@drover/testkit";
import { build } from "../../scripts/build.ts";
import { type ChaosPlane, startChaosPlane } from "../chaos/lab/chaos-plane.ts";
import { allCells, cellName } from "./cells.ts";
import { type RecordedResult, writeReport } from "./report.ts";
import { runCell } from "./run-cell.ts";

const USAGE = "usage: npm run matrix [-- --only TEXT,…] [--out FOLDER] [--report]";

function readOptions() {
  try {
    const options = { only: { type: "string" }, out: { type: "string" }, report: { type: "boolean" } } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`matrix: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}

const { only = "", out = join(cacheFolder(), "matrix"), report = false } = readOptions();
const cells = allCells().filter((cell) => only.split(",").some((part) => cellName(cell).includes(part)));
if (cells.length === 0) {
  console.error(`matrix: no cell's name contains ${only}; one is ${allCells().map(cellName)[0]}\n${USAGE}`);
  process.exit(2);
}
await build("building Drover");
mkdirSync(out, { recursive: true });
const file = join(out, "results.jsonl");
if (!report) await runAll();
const results = readResults();
if (report || only === "") await writeReport(results);
const failed = results.filter(({ passed }) => !passed);
for (const { cell, problems } of failed) console.error(`FAIL ${cell}: ${problems.join("; ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function runAll(): Promise<void> {
  const done = new Set(readResults().flatMap(({ cell, passed }) => (passed ? cell : [])));
  const open = cells.filter((cell) => !done.has(cellName(cell)));
  let chaos: ChaosPlane | undefined;
  try {
    for (const [index, cell] of open.entries()) {
      chaos ??= await startChaosPlane();
      await chaos.untilWell();
      const result = await runCell(chaos, cell, index);
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...result })}\n`);
      console.error(
        `${index + 1}/${open.length} ${result.passed ? "ok  " : "FAIL"} ${result.cell}: ${result.state}, ${result.tookS} s` +
          result.problems.map((problem) => `\n       ${problem}`).join(""),
      );
      // What a failed cell has left would be in the way of all others.
      if (!result.passed) {
        await chaos[Symbol.asyncDispose]();
        chaos = undefined;
      }
    }
  } finally {
    await chaos?.[Symbol.asyncDispose]();
  }
}

/** The newest of each cell. */
function readResults(): readonly RecordedResult[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  const all = lines.filter((line) => line !== "").map((line): RecordedResult => JSON.parse(line));
  return [...new Map(all.map((result) => [result.cell, result])).values()];
}
