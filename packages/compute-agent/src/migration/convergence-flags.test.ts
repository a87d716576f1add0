import { defaultPolicy, type MigrationPolicy } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type ConvergenceFacts, convergenceFlags } from "./convergence-flags.ts";
import { migrateArguments } from "./migrate-call.ts";

const debian12 = { hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000 };
const qemu10_1 = { hypervisorVersion: 10_001_000, libvirtVersion: 11_008_000 };
const newest = { hypervisorVersion: 10_002_000, libvirtVersion: 12_000_000 };
const old = { hypervisorVersion: 3_001_000, libvirtVersion: 5_001_000 };
const none = { permitAutoConverge: false, compression: "none" } as const;
const asked: ConvergenceFacts = {
  paused: false,
  versions: [debian12, debian12],
  policy: defaultPolicy,
  guest: [],
  encrypted: false,
  canLockMemory: true,
  postCopyObstacle: null,
};

function choose(policy: Partial<MigrationPolicy>, facts: Partial<ConvergenceFacts>) {
  const flags = convergenceFlags({ ...asked, ...facts, policy: { ...defaultPolicy, ...none, ...policy } });
  expect(flags.every(({ reason }) => reason.length > 10)).toBe(true);
  return flags;
}

function chosen(policy: Partial<MigrationPolicy>, facts: Partial<ConvergenceFacts> = {}): Record<string, unknown> {
  const entries = choose(policy, facts).map(({ name, value }) => [name.replace("VIR_MIGRATE_", ""), value ?? true]);
  return Object.fromEntries(entries);
}

const slowing = { AUTO_CONVERGE: true, "auto_converge.initial": 20, "auto_converge.increment": 10 };
const multifd = { PARALLEL: true, "parallel.connections": 4, ZEROCOPY: false };
const zeroCopied = { ...multifd, ZEROCOPY: true };
const xbzrle = { COMPRESSED: true, compression: "xbzrle" };
const four = { parallelConnections: 4 };
const both = { ...four, permitPostCopy: true };

describe("convergenceFlags", () => {
  test.each<[string, Partial<MigrationPolicy>, Partial<ConvergenceFacts>, object]>([
    ["the default policy slows a guest that does not converge", defaultPolicy, {}, { ...slowing, COMPRESSED: false }],
    [
      "as much as the policy says",
      { permitAutoConverge: true, autoConvergeInitialPercent: 30, autoConvergeIncrementPercent: 5 },
      {},
      { ...slowing, "auto_converge.initial": 30, "auto_converge.increment": 5 },
    ],
    ["a policy that permits nothing asks for nothing", {}, {}, {}],
    [
      "post-copy beside auto-converge",
      { permitPostCopy: true, permitAutoConverge: true },
      {},
      { POSTCOPY: true, ...slowing },
    ],
    ["a paused guest needs neither", { permitPostCopy: true, permitAutoConverge: true }, { paused: true }, {}],
    ["nor xbzrle", { compression: "xbzrle" }, { paused: true }, { COMPRESSED: false }],
    ["several sockets", four, {}, multifd],
    ["several sockets for a paused guest too", four, { paused: true }, multifd],
    ["xbzrle", { compression: "xbzrle" }, {}, xbzrle],
    ["multifd and post-copy exclude each other", both, {}, { POSTCOPY: true, PARALLEL: false }],
    ["unless both hosts have QEMU 10.1", both, { versions: [qemu10_1, qemu10_1] }, { POSTCOPY: true, ...multifd }],
    ["one that has it is not enough", both, { versions: [newest, debian12] }, { POSTCOPY: true, PARALLEL: false }],
    ["nor is one that is not known", both, { versions: [newest, null] }, { POSTCOPY: true, PARALLEL: false }],
    ["multifd carries no xbzrle", { ...four, compression: "xbzrle" }, {}, { ...multifd, COMPRESSED: false }],
    ["an old host has no multifd", four, { versions: [debian12, old] }, { PARALLEL: false }],
    [
      "what is left out excludes nothing",
      { ...four, compression: "xbzrle" },
      { versions: [old, old] },
      { PARALLEL: false, ...xbzrle },
    ],
    [
      "zstd on several sockets",
      { ...four, compression: "zstd" },
      { versions: [newest, newest] },
      { ...multifd, COMPRESSED: true, compression: "zstd" },
    ],
    ["zstd before libvirt 9.4", { ...four, compression: "zstd" }, {}, { ...multifd, COMPRESSED: false }],
    ["zstd on one socket", { compression: "zstd" }, { versions: [newest, newest] }, { COMPRESSED: false }],
    ["zero-copy beside multifd", four, { versions: [newest, newest] }, zeroCopied],
    [
      "sent by the source's QEMU alone",
      four,
      { versions: [newest, { ...newest, hypervisorVersion: 10_000_000 }] },
      zeroCopied,
    ],
    ["known by both libvirts", four, { versions: [newest, { ...newest, libvirtVersion: 8_004_000 }] }, multifd],
    ["not before QEMU 10.2", four, { versions: [qemu10_1, newest] }, multifd],
    [
      "not of memory that may not all be locked",
      four,
      { versions: [newest, newest], guest: ["memory-limit"] },
      multifd,
    ],
    ["not where memory cannot be locked", four, { versions: [newest, newest], canLockMemory: false }, multifd],
    ["not of encrypted memory", four, { versions: [newest, newest], encrypted: true }, multifd],
    ["post-copy over TLS since QEMU 7.1", { permitPostCopy: true }, { encrypted: true }, { POSTCOPY: true }],
    [
      "and not before",
      { permitPostCopy: true },
      { encrypted: true, versions: [{ ...debian12, hypervisorVersion: 7_000_000 }, debian12] },
      { POSTCOPY: false },
    ],
    [
      "multifd over TLS since QEMU 5.2",
      four,
      { encrypted: true, versions: [{ ...debian12, hypervisorVersion: 5_001_000 }, debian12] },
      { PARALLEL: false },
    ],
    [
      "no post-copy of memory in files",
      { permitPostCopy: true },
      { guest: ["file-backed-memory"] },
      { POSTCOPY: false },
    ],
    [
      "no post-copy where QEMU may not",
      { permitPostCopy: true },
      { postCopyObstacle: "it may not" },
      { POSTCOPY: false },
    ],
    ["no post-copy with vhost-user", { permitPostCopy: true }, { guest: ["vhost-user"] }, { POSTCOPY: false }],
    ["and multifd in its place", both, { guest: ["vhost-user"] }, { POSTCOPY: false, ...multifd }],
    ["auto compresses a copy with a low bound", { compression: "auto", bandwidthMiBps: 100 }, {}, xbzrle],
    ["none with a higher one", { compression: "auto", bandwidthMiBps: 101 }, {}, { COMPRESSED: false }],
    ["none without a bound", { compression: "auto" }, {}, { COMPRESSED: false }],
    [
      "none on several sockets",
      { ...four, compression: "auto", bandwidthMiBps: 50 },
      {},
      { ...multifd, COMPRESSED: false },
    ],
    ["none of a paused guest", { compression: "auto", bandwidthMiBps: 50 }, { paused: true }, {}],
    [
      "no auto-converge before libvirt 2.0",
      { permitAutoConverge: true },
      { versions: [{ ...old, libvirtVersion: 1_003_005 }, old] },
      { AUTO_CONVERGE: false },
    ],
  ])("%s", (_, policy, facts, expected) => {
    expect(chosen(policy, facts)).toEqual(expected);
  });

  test.each<[string, Partial<MigrationPolicy>, Partial<ConvergenceFacts>, string, RegExp]>([
    ["zero-copy by release", four, {}, "VIR_MIGRATE_ZEROCOPY", /before 10\.2 .*ENOBUFS/],
    ["zero-copy by TLS", four, { versions: [newest, newest], encrypted: true }, "VIR_MIGRATE_ZEROCOPY", /encrypted/],
    [
      "zero-copy by zstd",
      { ...four, compression: "zstd" },
      { versions: [newest, newest] },
      "VIR_MIGRATE_ZEROCOPY",
      /compressed/,
    ],
    ["multifd", both, {}, "VIR_MIGRATE_PARALLEL", /before 10\.1/],
    ["post-copy", { permitPostCopy: true }, { guest: ["file-backed-memory"] }, "VIR_MIGRATE_POSTCOPY", /files/],
  ])("the reason is told: %s", (_, policy, facts, name, reason) => {
    expect(choose(policy, facts)).toContainEqual({ name, value: false, reason: expect.stringMatching(reason) });
  });

  test("what is left out is not asked of libvirt", () => {
    const policy = { ...defaultPolicy, ...both };
    const { flags, params } = migrateArguments(convergenceFlags({ ...asked, policy }));
    expect(flags).toBe(0x8000 | 0x2000);
    expect(params).toEqual({ autoConvergeInitialPercent: 20, autoConvergeIncrementPercent: 10 });
  });
});
