import Table from "cli-table3";
import { printable } from "./printable.ts";

const NO_BORDERS = Object.fromEntries(
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle"
    .split(" ")
    .map((place) => [place, ""]),
);

/**
 * Columns under headings, without borders, so that a line can be cut with the usual tools; ends with a newline. Cells
 * are made printable here.
 */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...headings],
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 3 },
  });
  table.push(...rows.map((row) => row.map((cell) => printable(cell) || "-")));
  return `${table.toString().replaceAll(/ +$/gm, "")}\n`;
}

/** Facts one below the other, their names as a column; ends with a newline. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  return facts.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(value) || "-"}\n`).join("");
}
