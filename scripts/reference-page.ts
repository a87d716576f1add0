import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.ts";

/**
 * Writes a generated page of docs/. With `--check` among the arguments it writes nothing, and lets the process fail when
 * the page is not current.
 *
 * @param command What makes it current, for people.
 */
export function writeOrCheck(page: string, text: string, command: string): void {
  const path = join(root, page);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    console.error(`${page} is not current: run ${command}`);
    process.exitCode = 1;
  }
}

/** A row of a Markdown table. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
