import { defaultPolicy } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type FlagFacts, inferFlags } from "./infer-flags.ts";
import { migrateArguments } from "./migrate-call.ts";

const plain = { ...defaultPolicy, permitAutoConverge: false };
const debian12 = { hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000 };
const inTheClear =
  "memory and disks go to the destination's inbound address; in the clear: h2 does not say whether it has certificates; " +
  "upgrade its agent";
const facts: FlagFacts = {
  persistent: true,
  paused: false,
  guest: [],
  policy: plain,
  destination: { libvirtUri: "qemu+tcp://h2/system", inboundAddress: "h2" },
  sourceHost: "h1",
  destinationHost: "h2",
  sourceTls: { required: false, missing: null },
  versions: [debian12, debian12],
  canLockMemory: true,
};

function flagNames(partial: Partial<FlagFacts>): string[] {
  return inferFlags({ ...facts, ...partial })
    .filter((chosen) => chosen.value === undefined)
    .map((chosen) => chosen.name.replace("VIR_MIGRATE_", ""));
}

function parameters(partial: Partial<FlagFacts>): Record<string, unknown> {
  const chosen = inferFlags({ ...facts, ...partial }).filter(({ value }) => value !== undefined && value !== false);
  return Object.fromEntries(chosen.map((entry) => [entry.name, entry.value]));
}

const moves = ["LIVE", "PEER2PEER"];
const defined = ["PERSIST_DEST", "UNDEFINE_SOURCE"];
const both = { ...defaultPolicy, permitPostCopy: true, permitAutoConverge: true };

describe("inferFlags", () => {
  test.each<[string, Partial<FlagFacts>, string[]]>([
    ["a persistent guest moves with its definition", {}, [...moves, ...defined]],
    ["a transient guest stays transient", { persistent: false }, moves],
    ["auto-converge by policy", { policy: defaultPolicy }, [...moves, ...defined, "AUTO_CONVERGE"]],
    ["post-copy by policy", { policy: { ...plain, permitPostCopy: true } }, [...moves, ...defined, "POSTCOPY"]],
    ["both, where both are permitted", { policy: both }, [...moves, ...defined, "POSTCOPY", "AUTO_CONVERGE"]],
    ["a paused guest needs neither", { policy: both, paused: true }, [...moves, ...defined]],
  ])("%s", (_, partial, expected) => {
    expect(flagNames(partial)).toEqual(expected);
  });

  test("the disks that were prepared are copied, whole, and no other", () => {
    const disk = { path: "/images/a", capacityBytes: 1, reason: "it is local" };
    const disks = [
      { ...disk, target: "vda", action: "copy" },
      { ...disk, target: "vdb", action: "stays" },
      { ...disk, target: "vdc", action: "copy" },
    ] as const;
    const destination = { ...facts.destination, disks };
    expect(flagNames({ destination })).toEqual([...moves, ...defined, "NON_SHARED_DISK"]);
    expect(parameters({ destination }).migrate_disks).toBe("vda,vdc");
    const { params } = migrateArguments(inferFlags({ ...facts, destination }));
    expect(params.migrateDisks).toEqual(["vda", "vdc"]);
  });

  test("memory goes to the inbound address and to no other", () => {
    expect(parameters({})).toEqual({ migrate_uri: "tcp://h2", listen_address: "h2" });
  });

  test("an IPv6 address stands in brackets in the URI only", () => {
    const destination = { libvirtUri: "qemu+tcp://[fd00::2]/system", inboundAddress: "fd00::2" };
    expect(parameters({ destination })).toEqual({ migrate_uri: "tcp://[fd00::2]", listen_address: "fd00::2" });
  });

  test("a name is sent to by name, and listened for on the address that it is there", () => {
    const destination = { libvirtUri: "qemu+tcp://h2/system", inboundAddress: "h2-fast", listenAddress: "10.1.0.2" };
    expect(parameters({ destination })).toEqual({ migrate_uri: "tcp://h2-fast", listen_address: "10.1.0.2" });
  });

  test("a bandwidth limit is passed, no limit is not", () => {
    expect(parameters({ policy: { ...defaultPolicy, bandwidthMiBps: 60 } }).bandwidth).toBe(60);
    expect(parameters({})).not.toHaveProperty("bandwidth");
  });

  test("TLS where both hosts have certificates, and otherwise the reason why not", () => {
    const nativeTls = { required: false, missing: null, verifiedName: "host" } as const;
    const destination = { ...facts.destination, nativeTls };
    expect(flagNames({ destination })).toEqual([...moves, ...defined, "TLS"]);
    expect(parameters({ destination })["tls.destination"]).toBe("h2");
    const [uri] = inferFlags(facts).filter(({ name }) => name === "migrate_uri");
    expect(uri?.reason).toBe(inTheClear);
  });

  test("what the destination says against post-copy is the reason that it is left out", () => {
    const destination = { ...facts.destination, postCopyObstacle: "its QEMU may not" };
    const chosen = inferFlags({ ...facts, policy: { ...plain, permitPostCopy: true }, destination });
    const reason = "not used: on the destination its QEMU may not";
    expect(chosen).toContainEqual({ name: "VIR_MIGRATE_POSTCOPY", value: false, reason });
  });

  test("what TLS does not carry is left out beside it", () => {
    const nativeTls = { required: false, missing: null, verifiedName: "inbound-address" } as const;
    const older = { ...debian12, hypervisorVersion: 7_000_000 };
    const chosen = inferFlags({
      ...facts,
      policy: { ...plain, permitPostCopy: true },
      destination: { ...facts.destination, nativeTls },
      versions: [older, debian12],
    });
    expect(chosen).toContainEqual({
      name: "VIR_MIGRATE_POSTCOPY",
      value: false,
      reason: expect.stringContaining("encrypted"),
    });
  });

  test("nothing is started where TLS is required and cannot be used", () => {
    const sourceTls = { required: true, missing: "it has none" };
    expect(() => inferFlags({ ...facts, sourceTls })).toThrow(/h1 requires TLS/);
  });

  test("every choice has its reason, and UNSAFE and PAUSED are never one", () => {
    const chosen = inferFlags({ ...facts, policy: both });
    expect(chosen.every((entry) => entry.reason.length > 10)).toBe(true);
    const names = chosen.map(({ name }) => name);
    for (const never of ["VIR_MIGRATE_UNSAFE", "VIR_MIGRATE_PAUSED"]) expect(names).not.toContain(never);
  });
});
