import { expect, test } from "vitest";
import { formatBytes, formatDuration, formatRate, formatVersion } from "./quantity.ts";

const MiB = 1024 * 1024;

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 KiB"],
  [1536, "1.5 KiB"],
  [812 * MiB, "812 MiB"],
  [1000 * MiB, "1 GiB"],
  [2048 * MiB, "2 GiB"],
  [-5, "0 B"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "0 ms"],
  [87.4, "87 ms"],
  [12_340, "12.3 s"],
  [59_949, "59.9 s"],
  [59_950, "1 min 00 s"],
  [123_000, "2 min 03 s"],
  [3_725_000, "1 h 02 min"],
  [100 * 3_600_000, "4 d 04 h"],
])("%f ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("rates and libvirt's versions", () => {
  expect(formatRate(118 * MiB)).toBe("118 MiB/s");
  expect(formatVersion(7_002_001)).toBe("7.2.1");
});
