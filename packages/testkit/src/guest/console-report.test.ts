import { expect, test } from "vitest";
import { parseConsole, parseConsoleLine, parseDiskChecksums } from "./console-report.ts";

const LINE =
  "drover-guest counter=12 uptime_us=11000805 passes=2 verified_pages=45016 bad_pages=0 first_bad_page=0 " +
  "dirtied_pages=107440 largest_gap_us=12524 gaps_over_20ms=1 window_gap_us=9226 end";

test("a report is read field by field", () => {
  expect(parseConsoleLine(`${LINE}\r`)).toEqual({
    counter: 12,
    uptimeUs: 11_000_805,
    passes: 2,
    verifiedPages: 45_016,
    badPages: 0,
    firstBadPage: 0,
    dirtiedPages: 107_440,
    largestGapUs: 12_524,
    gapsOver20Ms: 1,
    windowGapUs: 9_226,
  });
});

test("a line that a migration cut in two is no report, at either end", () => {
  for (let cut = 1; cut < LINE.length; cut++) {
    expect(parseConsoleLine(LINE.slice(0, cut))).toBeUndefined();
    expect(parseConsoleLine(LINE.slice(cut))).toBeUndefined();
  }
});

test("other output between reports is passed over", () => {
  const text = `[    0.3] booting\r\n${LINE}\r\ndrover-beat us=100 end\r\n${LINE.replace("counter=12", "counter=13")}\r\ndrover-gu`;
  expect(parseConsole(text).map(({ counter }) => counter)).toEqual([12, 13]);
});

test("a number too large to be exact is no report", () => {
  expect(parseConsoleLine(LINE.replace("counter=12", "counter=9007199254740993"))).toBeUndefined();
});

test("checksums of each disk are read in order, and those that a migration cut in two are not", () => {
  const [first, second] = ["0a".repeat(32), "b1".repeat(32)];
  const line = (sha256: string, disk = "vda") => `drover-disk name=${disk} sha256=${sha256} end\r\n`;
  const text = `a256=${first} end\r\n${line(first)}${LINE}\r\n${line(second, "vdb")}${line(second)}drover-disk name=vda sha256=${first.slice(0, 20)}`;
  expect(parseDiskChecksums(text, "vda")).toEqual([first, second]);
  expect(parseDiskChecksums(text, "vdb")).toEqual([second]);
});
