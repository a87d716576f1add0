/** Results on disk: one line each, added as soon as there is one, so that a run that was ended can be gone on with. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/build.ts";
import type { CellResult } from "./run-cell.ts";

export interface RecordedResult extends CellResult {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What was run: the commit's abbreviated name, "+" behind it if the sources differ from it. */
  readonly commit: string;
}

export function commitHere(): string {
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", "packages", "test", "scripts") !== "";
  return `${git("rev-parse", "--short", "HEAD")}${changed ? "+" : ""}`;
}

export function recordResult(folder: string, result: RecordedResult): void {
  appendFileSync(fileIn(folder), `${JSON.stringify(result)}\n`);
}

/** The newest of each cell, of one commit alone: what another one did says nothing of this one. */
export function readResults(folder: string, commit: string): readonly RecordedResult[] {
  const file = fileIn(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  const all = lines.flatMap((line) => (line === "" ? [] : (JSON.parse(line) as RecordedResult)));
  const ours = all.filter((result) => result.commit === commit);
  return [...new Map(ours.map((result) => [result.cell, result])).values()];
}

function fileIn(folder: string): string {
  return join(folder, "results.jsonl");
}
