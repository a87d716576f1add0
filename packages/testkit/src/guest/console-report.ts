/** What a lab guest says of itself once a second. All counts are since the guest's program began. */
export interface ConsoleReport {
  /** Number of this report, from 1. It goes on through a migration; a guest that was started anew begins again. */
  readonly counter: number;
  /** Time by the guest's monotonic clock, in microseconds. */
  readonly uptimeUs: number;
  /** How many times the whole working set was checked. */
  readonly passes: number;
  /** Pages (4 KiB) checked. */
  readonly verifiedPages: number;
  /** Pages found damaged or from before their last change. 0 is the only right number. */
  readonly badPages: number;
  /** Index of the first such page; meaningless while `badPages` is 0. */
  readonly firstBadPage: number;
  /** Pages rewritten. */
  readonly dirtiedPages: number;
  /** The longest time between two rounds of the guest's loop, by the guest's clock, in microseconds. */
  readonly largestGapUs: number;
  /** How many such gaps were longer than 20 ms. */
  readonly gapsOver20Ms: number;
  /** The longest gap since the report before, in microseconds. */
  readonly windowGapUs: number;
}

/** The report in one line of a guest's console, or `undefined` if the line is none or is not complete. */
export function parseConsoleLine(line: string): ConsoleReport | undefined {
  // A migration may cut a line in two: its head is in the source's file, its tail in the destination's.
  const match = /drover-guest (.*) end\s*$/.exec(line);
  if (match === null) return undefined;
  const fields = new Map((match[1] ?? "").split(" ").map(splitField));
  const field = (name: string) => fields.get(name) ?? Number.NaN;
  const report: ConsoleReport = {
    counter: field("counter"),
    uptimeUs: field("uptime_us"),
    passes: field("passes"),
    verifiedPages: field("verified_pages"),
    badPages: field("bad_pages"),
    firstBadPage: field("first_bad_page"),
    dirtiedPages: field("dirtied_pages"),
    largestGapUs: field("largest_gap_us"),
    gapsOver20Ms: field("gaps_over_20ms"),
    windowGapUs: field("window_gap_us"),
  };
  return Object.values(report).every(Number.isSafeInteger) ? report : undefined;
}

function splitField(field: string): [string, number] {
  const [name = "", value = ""] = field.split("=");
  return [name, value === "" ? Number.NaN : Number(value)];
}

/** All complete reports in a console's text, in order. */
export function parseConsole(text: string): ConsoleReport[] {
  return text.split("\n").flatMap((line) => parseConsoleLine(line) ?? []);
}

/** Every checksum of a disk in a console's text, in order. */
export function parseDiskChecksums(text: string, disk: string): string[] {
  const lines = text.matchAll(/^drover-disk name=(\w+) sha256=([0-9a-f]{64}) end\s*$/gm);
  return [...lines].flatMap(([, name, sha256 = ""]) => (name === disk ? [sha256] : []));
}
