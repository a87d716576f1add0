import type { DestinationTls, PreparedDisk } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type TlsFacts, tlsFlags } from "./tls-flags.ts";

const able: DestinationTls = { required: false, missing: null, verifiedName: "inbound-address" };
const destination = { libvirtUri: "qemu+tls://h2/system", inboundAddress: "10.1.0.2", nativeTls: able };
const versions = { hypervisorVersion: 7_002_000, libvirtVersion: 9_000_000 };
const facts: TlsFacts = {
  sourceHost: "h1",
  destinationHost: "h2",
  sourceTls: { required: false, missing: null },
  destination,
  sourceVersions: versions,
};
const copied: PreparedDisk = { target: "vda", action: "copy", path: "/a", capacityBytes: 1, reason: "it is local" };

function peer(change: Partial<DestinationTls>, disks: readonly PreparedDisk[] = []): Partial<TlsFacts> {
  return { destination: { ...destination, disks, nativeTls: { ...able, ...change } } };
}

describe("tlsFlags", () => {
  test("two hosts with certificates use them", () => {
    const { flags, inTheClear } = tlsFlags(facts);
    expect(flags.map(({ name }) => name)).toEqual(["VIR_MIGRATE_TLS"]);
    expect(inTheClear).toBeNull();
  });

  test("a certificate for the host's name is expected under that name", () => {
    const { flags } = tlsFlags({ ...facts, ...peer({ verifiedName: "host" }) });
    expect(flags.at(-1)).toMatchObject({ name: "tls.destination", value: "h2" });
  });

  const older = { libvirtUri: "", inboundAddress: "10.1.0.2" };
  const by = (hypervisorVersion: number, libvirtVersion: number) => ({
    sourceVersions: { hypervisorVersion, libvirtVersion },
  });
  test.each<[string, Partial<TlsFacts>, string]>([
    ["the source has none", { sourceTls: { required: false, missing: "it has none" } }, "h1: it has none"],
    ["the destination has none", peer({ missing: "it has none" }), "h2: it has none"],
    ["an older destination does not say", { destination: older }, "h2 does not say"],
    [
      "tls.destination is not known",
      { ...by(7_002_000, 5_010_000), ...peer({ verifiedName: "host" }) },
      "libvirt before 6.0",
    ],
    [
      "disks are checked by address",
      { ...by(6_002_000, 9_000_000), ...peer({ verifiedName: "host" }, [copied]) },
      "QEMU before 7.0",
    ],
    ["disks are not copied so", { ...by(7_002_000, 4_003_000), ...peer({}, [copied]) }, "libvirt before 4.4"],
  ])("in the clear with the reason, or not at all where TLS is required: %s", (_, change, why) => {
    const choice = tlsFlags({ ...facts, ...change });
    expect(choice.flags).toEqual([]);
    expect(choice.inTheClear).toContain(why);

    const required = { ...facts, ...change, sourceTls: { ...facts.sourceTls, ...change.sourceTls, required: true } };
    expect(() => tlsFlags(required)).toThrow(
      expect.objectContaining({ code: "refused", message: expect.stringContaining("h1 requires TLS") }),
    );
  });

  test("what the destination requires is kept to by the source", () => {
    const lacking = { sourceTls: { required: false, missing: "it has none" }, ...peer({ required: true }) };
    expect(() => tlsFlags({ ...facts, ...lacking })).toThrow(/h2 requires TLS for memory and disks: h1: it has none/);
  });
});
