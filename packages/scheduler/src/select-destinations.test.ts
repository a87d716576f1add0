import { type Host, type HostFacts, weightWords } from "@drover/model";
import { describe, expect, it } from "vitest";
import { type FleetRecords, viewHosts } from "./host-view.ts";
import { selectDestinationsFrom } from "./select-destinations.ts";

const now = new Date("2026-01-01T00:00:00Z");
const GiB = 1024 * 1024;

function host(name: string, change: Partial<Host> = {}): Host {
  const facts: HostFacts = {
    host: name,
    hostUuid: "6f6e0c5c-0000-4000-8000-000000000001",
    hypervisorType: "QEMU",
    hypervisorVersion: 7002000,
    libvirtVersion: 9000000,
    cpuArch: "x86_64",
    cpuModel: "qemu64",
    cpus: 4,
    memoryKiB: 8 * GiB,
    inboundAddress: name,
    libvirtUri: `qemu+tcp://${name}/system`,
  };
  return {
    id: 1,
    uuid: "6f6e0c5c-0000-4000-8000-000000000002",
    facts,
    agentVersion: "0.1.0",
    enabled: true,
    disabledReason: null,
    maxOutgoingMigrations: null,
    maxIncomingMigrations: null,
    registeredAt: now,
    lastSeenAt: now,
    ...change,
  };
}

function view(hosts: readonly Host[], records: Partial<FleetRecords> = {}) {
  return viewHosts({ hosts, guests: [], claims: [], failures: [], ...records }, now);
}

const request = { memoryKiB: 2 * GiB, vcpus: 1, sourceHost: "a", requestedHost: null };
const options = { ramAllocationRatio: 1 };

describe("choosing a destination", () => {
  it("ranks the emptier host first and says why each other host fell out", () => {
    const guest = (on: string, memoryKiB: number) => ({
      uuid: `6f6e0c5c-0000-4000-8000-${on.padStart(12, "0")}`,
      name: on,
      powerState: "running" as const,
      persistent: true,
      vcpus: 1,
      memoryKiB,
      migrating: false,
      host: on,
      seenAt: now,
    });
    const hosts = view(
      [
        host("a"),
        host("b"),
        host("c"),
        host("d", { lastSeenAt: new Date(0) }),
        host("e", { enabled: false, disabledReason: "new fan" }),
        host("f"),
      ],
      { guests: [guest("b", 4 * GiB), guest("f", 7 * GiB)] },
    );
    const selection = selectDestinationsFrom(hosts, request, options);
    expect(selection.candidates.map((candidate) => candidate.host)).toEqual(["c", "b"]);
    expect(selection.eliminated).toEqual([
      { host: "a", by: "different-host", reason: "the server is on it" },
      { host: "d", by: "compute", reason: "its agent was last heard of at 1970-01-01T00:00:00.000Z" },
      { host: "e", by: "enabled", reason: "disabled: new fan" },
      { host: "f", by: "memory", reason: `${2 * GiB} KiB wanted, ${GiB} KiB free` },
    ]);
  });

  it("says what a weight is the sum of, and every filter that rejects a host where that is asked", () => {
    const hosts = view([
      host("b"),
      host("c", { facts: { ...host("c").facts, memoryKiB: 4 * GiB } }),
      host("d", { enabled: false }),
    ]);
    const asked = { ...request, vcpus: 8, everyReason: true };
    expect(selectDestinationsFrom(hosts, asked, options).eliminated.map(({ host: at, by }) => [at, by])).toEqual([
      ["b", "processors"],
      ["c", "processors"],
      ["d", "enabled"],
      ["d", "processors"],
    ]);
    const { candidates } = selectDestinationsFrom(hosts, request, options);
    expect(candidates).toEqual([
      {
        host: "b",
        weight: 7,
        weights: [
          { weigher: "ram", value: 8 * GiB, score: 1, multiplier: 1 },
          { weigher: "incoming-migrations", value: 0, score: 1, multiplier: 2 },
          { weigher: "recent-failures", value: 0, score: 1, multiplier: 4 },
        ],
      },
      {
        host: "c",
        weight: 6,
        weights: [
          { weigher: "ram", value: 4 * GiB, score: 0, multiplier: 1 },
          { weigher: "incoming-migrations", value: 0, score: 1, multiplier: 2 },
          { weigher: "recent-failures", value: 0, score: 1, multiplier: 4 },
        ],
      },
    ]);
    expect(weightWords(candidates[0]?.weights ?? [])).toBe(
      "7 (ram 1 x 1, incoming-migrations 2 x 1, recent-failures 4 x 1)",
    );
  });

  it("prefers a host that nothing is migrating to over one with more memory", () => {
    const claim = { migrationUuid: "m", host: "b", memoryKiB: 1 };
    const hosts = view([host("b", { facts: { ...host("b").facts, memoryKiB: 64 * GiB } }), host("c")], {
      claims: [claim],
    });
    expect(selectDestinationsFrom(hosts, request, options).candidates[0]?.host).toBe("c");
  });

  it("tries a host last that guests lately failed to come to", () => {
    const big = host("b", { facts: { ...host("b").facts, memoryKiB: 64 * GiB } });
    const failures = [{ destinationHost: "b" }, { destinationHost: null }];
    const { candidates } = selectDestinationsFrom(view([big, host("c")], { failures }), request, options);
    expect(candidates.map((candidate) => candidate.host)).toEqual(["c", "b"]);
    expect(candidates[1]?.weights.at(-1)).toEqual({ weigher: "recent-failures", value: -1, score: 0, multiplier: 4 });
  });

  it("counts claimed memory as used", () => {
    const claim = { migrationUuid: "m", host: "b", memoryKiB: 7 * GiB };
    const selection = selectDestinationsFrom(view([host("b")], { claims: [claim] }), request, options);
    expect(selection.candidates).toEqual([]);
  });

  it("keeps only the host that was asked for", () => {
    const hosts = view([host("b"), host("c")]);
    const selection = selectDestinationsFrom(hosts, { ...request, requestedHost: "c" }, options);
    expect(selection.candidates.map((candidate) => candidate.host)).toEqual(["c"]);
    expect(selection.eliminated).toEqual([{ host: "b", by: "requested-host", reason: "c was asked for" }]);
  });
});
