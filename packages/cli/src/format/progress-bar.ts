import type { MigrationView } from "@drover/api-client";
import { percentDone, routeWords, stateWords } from "./migration-words.ts";
import { printable } from "./printable.ts";
import { pendingWords, progressNumbers } from "./progress-line.ts";

export interface BarStyle {
  /** Width of the terminal, characters. */
  readonly columns: number;
  /** Draw with block characters; otherwise with ASCII. */
  readonly unicode: boolean;
  /** Paints the state; identity where colours are off. */
  readonly paint: (state: MigrationView["state"], text: string) => string;
}

/** From this width on the route has a place of its own; on a usual terminal of 80 the numbers come first. */
const WIDE_COLUMNS = 100;
const NARROW_BAR = 6;
const LONGEST_BAR = 30;
/** What was copied is of no use any more. */
const STAYS: ReadonlySet<MigrationView["state"]> = new Set(["rolling-back", "failed", "cancelled"]);

/**
 * One line that fits the terminal: `busy host-1 -> host-2  running  ████░░░░  42 %  812 MiB left  118 MiB/s  …`.
 *
 * The bar's length depends on the terminal alone, so that it does not jump; what does not fit is left out from the end.
 * From the moment a migration is rolled back the bar is empty.
 */
export function progressBar(migration: MigrationView, trouble: string | undefined, style: BarStyle): string {
  const { columns } = style;
  const wide = columns >= WIDE_COLUMNS;
  const state = stateWords(migration.state);
  const name = printable(migration.server.name);
  const route = printable(routeWords(migration));
  const percent = STAYS.has(migration.state) ? 0 : percentDone(migration);
  const length = wide ? Math.min(LONGEST_BAR, Math.floor(columns / 8)) : NARROW_BAR;
  const share = `${bar(percent, length, style.unicode)}  ${String(percent).padStart(3)} %`;
  const head = wide ? `${name} ${route}` : name;
  const room = columns - 1 - [head, state, share].join("  ").length;
  if (room < 0) return `${name}  ${percent} %  ${state}`.slice(0, columns - 1);
  const said = trouble === undefined ? [...pendingWords(migration), ...progressNumbers(migration)] : [trouble];
  const tail = tailThatFits([...said.map(printable), ...(wide ? [] : [route])], room);
  return `${head}  ${style.paint(migration.state, state)}  ${share}${tail}`;
}

function tailThatFits(parts: readonly string[], room: number): string {
  let tail = "";
  for (const part of parts) {
    if (tail.length + part.length + 2 > room) break;
    tail += `  ${part}`;
  }
  return tail;
}

function bar(percent: number, width: number, unicode: boolean): string {
  const full = Math.max(0, Math.min(width, Math.round((width * percent) / 100)));
  const [done, open] = unicode ? ["█", "░"] : ["#", "."];
  return done.repeat(full) + open.repeat(Math.max(0, width - full));
}
