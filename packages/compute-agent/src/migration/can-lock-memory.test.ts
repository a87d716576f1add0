import { expect, test } from "vitest";
import { noFiles } from "../tls/host-files.ts";
import { canLockMemory } from "./can-lock-memory.ts";

test.each([
  ["all capabilities", "Name:\tnode\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n", true],
  ["those of a container", "CapBnd:\t00000000a80425fb\n", false],
  ["a kernel that does not say", "Name:\tnode\n", false],
])("%s", async (_, status, can) => {
  expect(await canLockMemory({ ...noFiles, read: async () => status })).toBe(can);
});

test("a file that cannot be read says no", async () => {
  expect(await canLockMemory({ ...noFiles, read: () => Promise.reject(new Error("EACCES")) })).toBe(false);
});
