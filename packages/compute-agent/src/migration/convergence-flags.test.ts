import { defaultPolicy, type MigrationPolicy } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type ConvergenceFacts, convergenceFlags } from "./convergence-flags.ts";
import { migrateArguments } from "./migrate-call.ts";

const debian12 = { hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000 };
const newest = { hypervisorVersion: 10_001_000, libvirtVersion: 11_008_000 };
const old = { hypervisorVersion: 3_001_000, libvirtVersion: 5_001_000 };
const none = { permitAutoConverge: false };

function chosen(policy: Partial<MigrationPolicy>, facts: Partial<ConvergenceFacts> = {}): Record<string, unknown> {
  const versions = [debian12, debian12] as const;
  const flags = convergenceFlags({ paused: false, versions, policy: { ...defaultPolicy, ...policy }, ...facts });
  expect(flags.every(({ reason }) => reason.length > 10)).toBe(true);
  return Object.fromEntries(flags.map(({ name, value }) => [name.replace("VIR_MIGRATE_", ""), value ?? true]));
}

const slowing = { AUTO_CONVERGE: true, "auto_converge.initial": 20, "auto_converge.increment": 10 };
const multifd = { PARALLEL: true, "parallel.connections": 4 };
const xbzrle = { COMPRESSED: true, compression: "xbzrle" };

describe("convergenceFlags", () => {
  test.each<[string, Partial<MigrationPolicy>, Partial<ConvergenceFacts>, object]>([
    ["the default policy slows a guest that does not converge", {}, {}, slowing],
    [
      "as much as the policy says",
      { autoConvergeInitialPercent: 30, autoConvergeIncrementPercent: 5 },
      {},
      { ...slowing, "auto_converge.initial": 30, "auto_converge.increment": 5 },
    ],
    ["a policy that permits nothing asks for nothing", none, {}, {}],
    ["post-copy beside it", { permitPostCopy: true }, {}, { POSTCOPY: true, ...slowing }],
    [
      "a paused guest needs neither, nor compression",
      { permitPostCopy: true, compression: "xbzrle" },
      { paused: true },
      {},
    ],
    ["several sockets", { ...none, parallelConnections: 4 }, {}, multifd],
    ["several sockets for a paused guest too", { ...none, parallelConnections: 4 }, { paused: true }, multifd],
    ["compression", { ...none, compression: "xbzrle" }, {}, xbzrle],
    [
      "multifd and post-copy exclude each other",
      { ...none, permitPostCopy: true, parallelConnections: 4 },
      {},
      { POSTCOPY: true, PARALLEL: false },
    ],
    [
      "unless both hosts have QEMU 10.1",
      { ...none, permitPostCopy: true, parallelConnections: 4 },
      { versions: [newest, newest] },
      { POSTCOPY: true, ...multifd },
    ],
    [
      "one that has it is not enough",
      { ...none, permitPostCopy: true, parallelConnections: 4 },
      { versions: [newest, debian12] },
      { POSTCOPY: true, PARALLEL: false },
    ],
    [
      "nor is one that is not known",
      { ...none, permitPostCopy: true, parallelConnections: 4 },
      { versions: [newest, null] },
      { POSTCOPY: true, PARALLEL: false },
    ],
    [
      "multifd carries no xbzrle",
      { ...none, parallelConnections: 4, compression: "xbzrle" },
      {},
      { ...multifd, COMPRESSED: false },
    ],
    [
      "an old host has no multifd",
      { ...none, parallelConnections: 4 },
      { versions: [debian12, old] },
      { PARALLEL: false },
    ],
    [
      "and what is left out excludes nothing",
      { ...none, parallelConnections: 4, compression: "xbzrle" },
      { versions: [old, old] },
      { PARALLEL: false, ...xbzrle },
    ],
  ])("%s", (_, policy, facts, expected) => {
    expect(chosen(policy, facts)).toEqual(expected);
  });

  test("what is left out is not asked of libvirt", () => {
    const policy = { ...defaultPolicy, permitPostCopy: true, parallelConnections: 4 };
    const { flags, params } = migrateArguments(
      convergenceFlags({ paused: false, policy, versions: [debian12, debian12] }),
    );
    expect(flags).toBe(0x8000 | 0x2000);
    expect(params).toEqual({ autoConvergeInitialPercent: 20, autoConvergeIncrementPercent: 10 });
  });
});
