import type { ChosenFlag, DestinationTls } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type EncryptionFacts, encrypt } from "./encrypt.ts";

const able: DestinationTls = { required: false, missing: null, verifiedName: "inbound-address" };
const destination = { libvirtUri: "qemu+tls://h2/system", inboundAddress: "10.1.0.2", nativeTls: able };
const facts: EncryptionFacts = {
  sourceHost: "h1",
  destinationHost: "h2",
  source: { required: false, missing: null },
  destination,
  qemuVersion: 7_002_000,
  libvirtVersion: 9_000_000,
};

const plain: readonly ChosenFlag[] = [
  { name: "VIR_MIGRATE_LIVE", reason: "it runs" },
  { name: "migrate_uri", value: "tcp://10.1.0.2", reason: "memory goes there" },
];

const withFlags = (...names: string[]) => [...plain, ...names.map((name) => ({ name, reason: "by policy" }))];
const peer = (change: Partial<DestinationTls>) => ({
  destination: { ...destination, nativeTls: { ...able, ...change } },
});
const names = (chosen: readonly ChosenFlag[]) => chosen.map(({ name }) => name);
const uriReason = (chosen: readonly ChosenFlag[]) => chosen.find(({ name }) => name === "migrate_uri")?.reason;

describe("encrypt", () => {
  test("two hosts with certificates use them", () => {
    const chosen = encrypt(plain, facts);
    expect(names(chosen)).toEqual(["VIR_MIGRATE_LIVE", "migrate_uri", "VIR_MIGRATE_TLS"]);
    expect(uriReason(chosen)).toBe("memory goes there");
  });

  test("a certificate for the host's name is expected under that name", () => {
    const chosen = encrypt(plain, { ...facts, ...peer({ verifiedName: "host" }) });
    expect(chosen.at(-1)).toMatchObject({ name: "tls.destination", value: "h2" });
  });

  const older = { libvirtUri: "", inboundAddress: "10.1.0.2" };
  test.each<[string, Partial<EncryptionFacts>, readonly ChosenFlag[], string]>([
    ["the source has none", { source: { required: false, missing: "it has none" } }, plain, "h1: it has none"],
    ["the destination has none", peer({ missing: "it has none" }), plain, "h2: it has none"],
    ["an older destination does not say", { destination: older }, plain, "h2 does not say"],
    [
      "tls.destination is not known",
      { libvirtVersion: 5_010_000, ...peer({ verifiedName: "host" }) },
      plain,
      "before 6.0",
    ],
    [
      "disks are checked by address",
      { qemuVersion: 6_002_000, ...peer({ verifiedName: "host" }) },
      withFlags("VIR_MIGRATE_NON_SHARED_DISK"),
      "before 7.0",
    ],
    ["disks are not copied so", { libvirtVersion: 4_003_000 }, withFlags("VIR_MIGRATE_NON_SHARED_INC"), "before 4.4"],
  ])("in the clear with the reason, or not at all where TLS is required: %s", (_, change, chosen, why) => {
    const clear = encrypt(chosen, { ...facts, ...change });
    expect(names(clear)).toEqual(names(chosen));
    expect(uriReason(clear)).toContain(`in the clear: `);
    expect(uriReason(clear)).toContain(why);

    const required = { ...facts, ...change, source: { ...facts.source, ...change.source, required: true } };
    expect(() => encrypt(chosen, required)).toThrow(
      expect.objectContaining({ code: "refused", message: expect.stringContaining(`h1 requires TLS`) }),
    );
  });

  test("what the destination requires is kept to by the source", () => {
    const lacking = { source: { required: false, missing: "it has none" }, ...peer({ required: true }) };
    expect(() => encrypt(plain, { ...facts, ...lacking })).toThrow(
      /h2 requires TLS for memory and disks: h1: it has none/,
    );
  });

  test.each([
    ["post-copy since 7.1", 7_001_000, "VIR_MIGRATE_POSTCOPY", true],
    ["no post-copy before", 7_000_000, "VIR_MIGRATE_POSTCOPY", false],
    ["several connections since 5.2", 5_002_000, "VIR_MIGRATE_PARALLEL", true],
    ["one connection before", 5_001_000, "VIR_MIGRATE_PARALLEL", false],
    ["never zero-copy", 99_000_000, "VIR_MIGRATE_ZEROCOPY", false],
  ])("%s", (_, qemuVersion, flag, kept) => {
    const chosen = encrypt(withFlags(flag), { ...facts, qemuVersion });
    expect(names(chosen).includes(flag)).toBe(kept);
    expect(names(chosen)).toContain("VIR_MIGRATE_TLS");
    expect(chosen.at(-1)?.reason.includes("left out")).toBe(!kept);
  });

  test("a parameter goes with its flag", () => {
    const connections = { name: "parallel.connections", value: 4, reason: "a fast link" };
    const chosen = encrypt([...withFlags("VIR_MIGRATE_PARALLEL"), connections], { ...facts, qemuVersion: 5_000_000 });
    expect(names(chosen)).not.toContain("parallel.connections");
  });
});
