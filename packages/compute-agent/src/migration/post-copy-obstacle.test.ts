import { expect, test } from "vitest";
import { type HostFiles, noFiles } from "../tls/host-files.ts";
import { type PostCopyHost, postCopyObstacle } from "./post-copy-obstacle.ts";

const debian12: PostCopyHost = { qemuUid: 64_055, hypervisorVersion: 7_002_000 };
const says = (text: string): HostFiles => ({ ...noFiles, read: async () => text });
const denied: HostFiles = { ...noFiles, read: () => Promise.reject(new Error("EACCES")) };

test.each<[string, HostFiles, Partial<PostCopyHost>, RegExp | null]>([
  ["a user who may not", says("0\n"), {}, /uid 64055.*vm\.unprivileged_userfaultfd = 1/],
  ["a user who may", says("1\n"), {}, null],
  ["a kernel that asks nobody", noFiles, {}, null],
  ["what cannot be read is not guessed", denied, {}, null],
  ["root", says("0\n"), { qemuUid: 0 }, null],
  ["a user that libvirt does not tell", says("0\n"), { qemuUid: null }, null],
  ["a QEMU that has another way", says("0\n"), { hypervisorVersion: 8_000_000 }, null],
])("%s", async (_, files, change, expected) => {
  const obstacle = await postCopyObstacle(files, { ...debian12, ...change });
  if (expected === null) expect(obstacle).toBeNull();
  else expect(obstacle).toMatch(expected);
});
