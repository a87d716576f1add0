import type { DiskToMove } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type PlaceFacts, planDisk } from "./plan-disk.ts";
import type { FoundPool } from "./pool-connections.ts";

const disk: DiskToMove = {
  ...{ target: "vda", need: "copy", path: "/images/web.qcow2", format: "qcow2", reason: "it is a local file" },
  ...{ capacityBytes: 10_000_000, writtenBytes: 4_000_000 },
};
const content: DiskToMove = { ...disk, need: "content", contentUri: "qemu+tcp://h1/system" };
const free: PlaceFacts = { host: "h2", place: "free", availableBytes: 4_000_000, seesSameStorage: false };
const same: PlaceFacts = { ...free, place: "occupied", seesSameStorage: true };
const volume: DiskToMove = { ...disk, need: "volume", path: "ip-10.0.0.9:3260-iscsi-iqn.2026-01.net:web-lun-1" };
const iscsi = "/dev/disk/by-path/ip-10.0.0.9:3260-iscsi-iqn.2026-01.net:web-lun-1";

describe("planDisk", () => {
  test.each<[string, DiskToMove, PlaceFacts | null, string, RegExp]>([
    ["a copy into a free place", disk, free, "copy", /local file/],
    ["a stale file in the way", disk, { ...free, place: "occupied" }, "refuse", /exists on h2.*leftover/],
    [
      "a folder that is not there",
      disk,
      { ...free, place: "unusable", problem: "no such" },
      "refuse",
      /no such.*create it/,
    ],
    ["one byte too little room", disk, { ...free, availableBytes: 3_999_999 }, "refuse", /free some/],
    ["read-only content", content, free, "content", /./],
    ["content of a source that does not say where", { ...disk, need: "content" }, free, "refuse", /upgrade/],
    [
      "content that is there, by its size",
      content,
      { ...free, place: "occupied", foundCapacityBytes: 10_000_000 },
      "content",
      /holds the same/,
    ],
    [
      "another file in the way of content",
      content,
      { ...free, place: "occupied", foundCapacityBytes: 9 },
      "refuse",
      /another file/,
    ],
    [
      "content that is being brought for another guest",
      content,
      { ...free, place: "occupied", foundCapacityBytes: 9, isBeingBrought: true },
      "content",
      /holds the same/,
    ],
    ["content and too little room", content, { ...free, availableBytes: 3_999_999 }, "refuse", /free some/],
    [
      "content and a folder that is not there",
      content,
      { ...free, place: "unusable", problem: "gone" },
      "refuse",
      /gone/,
    ],
    ["a file that both hosts see", disk, same, "stays", /h2 sees the same storage/],
    [
      "a file that the host does not see in a folder that it does",
      disk,
      { ...same, place: "free" },
      "refuse",
      /no such file.*link/,
    ],
    ["a read-only one", content, same, "stays", /sees the same storage/],
    ["one that cannot be copied", { ...disk, need: "shared" }, same, "stays", /sees the same storage/],
    [
      "one that libvirt does not leave where it is",
      { ...disk, unsafe: "Unsafe migration" },
      same,
      "refuse",
      /Unsafe migration.*cache='none'/,
    ],
    [
      "one that cannot be copied, elsewhere",
      { ...disk, need: "shared" },
      free,
      "refuse",
      /or share its storage with h2/,
    ],
    ["network storage", { ...disk, need: "stays", path: null }, null, "stays", /./],
    ["an empty drive", { ...disk, need: "empty-drive", path: null }, null, "empty-drive", /./],
    ["a device that is there", { ...disk, need: "present", path: iscsi }, { ...free, place: "occupied" }, "stays", /./],
    ["a device that is not", { ...disk, need: "present", path: iscsi }, free, "refuse", /connect it there/],
    ["a volume", volume, null, "stays", /local file/],
    ["a volume that libvirt does not leave", { ...volume, unsafe: "Unsafe" }, null, "refuse", /Unsafe.*cache='none'/],
  ])("%s", (_, wanted, facts, action, reason) => {
    const plan = planDisk(wanted, facts);
    expect(plan.action).toBe(action);
    expect(plan.reason).toMatch(reason);
  });

  test.each<[string, DiskToMove, FoundPool, string, RegExp]>([
    ["a volume whose pool cannot be used", volume, { kind: "unusable", problem: "no" }, "refuse", /^no$/],
    ["a file whose pool cannot be used", disk, { kind: "unusable", problem: "no" }, "refuse", /^no$/],
    ["a file whose pool is stopped", disk, { kind: "stopped" }, "copy", /started first/],
    ["a read-only one", content, { kind: "stopped" }, "content", /started first/],
    ["one that cannot be copied", { ...disk, need: "shared" }, { kind: "stopped" }, "stays", /started first/],
    ["a volume whose pool is stopped", volume, { kind: "stopped" }, "stays", /./],
  ])("%s", (_, wanted, pool, action, reason) => {
    const plan = planDisk(wanted, null, pool);
    expect(plan.action).toBe(action);
    expect(plan.reason).toMatch(reason);
  });
});
