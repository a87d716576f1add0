import {
  type Aggregate,
  type GuestSighting,
  type Host,
  type HostFacts,
  type ServerGroup,
  weightWords,
} from "@drover/model";
import type { PlacementHost } from "@drover/store";
import { describe, expect, it } from "vitest";
import type { DestinationRequest } from "./filters.ts";
import { type AboutHost, type HostView, viewHost } from "./host-view.ts";
import { type PlacementWish, placementWish } from "./placement-wish.ts";
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
    maintenance: null,
    forcedDown: false,
    maxOutgoingMigrations: null,
    maxIncomingMigrations: null,
    registeredAt: now,
    lastSeenAt: now,
    ...change,
  };
}

/** Of hosts by name. */
interface Around {
  readonly usage?: Readonly<Record<string, PlacementHost["usage"]>>;
  readonly claims?: PlacementHost["claims"];
  readonly about?: Readonly<Record<string, Partial<AboutHost>>>;
}

function view(hosts: readonly Host[], { usage = {}, claims = [], about = {} }: Around = {}): readonly HostView[] {
  return hosts.map((record) => {
    const { host: name } = record.facts;
    const known = {
      host: record,
      usage: usage[name] ?? { memoryKiB: 0, vcpus: 0 },
      claims: claims.filter((claim) => claim.host === name),
    };
    return viewHost(known, { aggregates: [], silentSince: undefined, recentFailures: 0, ...about[name] });
  });
}

const nowhere: PlacementWish = { group: null, availabilityZone: null, aggregateSpecs: {} };
const request: DestinationRequest = {
  memoryKiB: 2 * GiB,
  vcpus: 1,
  sourceHost: "a",
  source: undefined,
  requestedHost: null,
  placement: nowhere,
};
const options = { ramAllocationRatio: 1, cpuAllocationRatio: 16 };

function rejections(hosts: readonly HostView[], change: Partial<DestinationRequest>) {
  const { eliminated } = selectDestinationsFrom(hosts, { ...request, ...change }, options);
  return eliminated.map(({ host: at, by, reason }) => [at, by, reason]);
}

describe("choosing a destination", () => {
  it("ranks the emptier host first and says why each other host fell out", () => {
    const used = (memoryKiB: number) => ({ memoryKiB, vcpus: 1 });
    const hosts = view(
      [host("a"), host("b"), host("c"), host("d"), host("e", { enabled: false, disabledReason: "new fan" }), host("f")],
      {
        usage: { b: used(4 * GiB), f: used(7 * GiB) },
        about: { d: { silentSince: new Date(0) } },
      },
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
        weight: 11,
        weights: [
          { weigher: "ram", value: 8 * GiB, score: 1, multiplier: 1 },
          { weigher: "incoming-migrations", value: 0, score: 1, multiplier: 2 },
          { weigher: "recent-failures", value: 0, score: 1, multiplier: 8 },
        ],
      },
      {
        host: "c",
        weight: 10,
        weights: [
          { weigher: "ram", value: 4 * GiB, score: 0, multiplier: 1 },
          { weigher: "incoming-migrations", value: 0, score: 1, multiplier: 2 },
          { weigher: "recent-failures", value: 0, score: 1, multiplier: 8 },
        ],
      },
    ]);
    expect(weightWords(candidates[0]?.weights ?? [])).toBe(
      "11 (ram 1 x 1, incoming-migrations 2 x 1, recent-failures 8 x 1)",
    );
  });

  it("says only so much as is asked for, and counts the rest", () => {
    const silent = { silentSince: new Date(0) };
    const hosts = view(
      [..."bcdefghi"].map((name) => host(name, name < "d" ? { enabled: false } : {})),
      {
        usage: { e: { memoryKiB: 4 * GiB, vcpus: 1 }, f: { memoryKiB: 1, vcpus: 1 } },
        about: { h: silent, i: silent },
      },
    );
    const { candidates, ...rest } = selectDestinationsFrom(hosts, { ...request, limit: 3 }, options);
    expect(candidates.map((candidate) => candidate.host)).toEqual(["d", "g", "f"]);
    expect(rest).toMatchObject({ passed: 4, fellOut: 4, eliminated: { length: 4 } });
    const fewer = selectDestinationsFrom(hosts, { ...request, limit: 1 }, options);
    expect(fewer.candidates.map((candidate) => candidate.host)).toEqual(["d"]);
    expect(fewer).toMatchObject({ passed: 4, fellOut: 4 });
    expect(fewer.eliminated.map(({ host: at, by }) => [at, by])).toEqual([
      ["b", "enabled"],
      ["h", "compute"],
    ]);
  });

  it("prefers a host that nothing is migrating to over one with more memory", () => {
    const claim = { migrationUuid: "m", serverUuid: "s", host: "b", memoryKiB: 1 };
    const hosts = view([host("b", { facts: { ...host("b").facts, memoryKiB: 64 * GiB } }), host("c")], {
      claims: [claim],
    });
    expect(selectDestinationsFrom(hosts, request, options).candidates[0]?.host).toBe("c");
  });

  it("tries a host last that guests lately failed to come to", () => {
    const big = host("b", { facts: { ...host("b").facts, memoryKiB: 64 * GiB } });
    const hosts = view([big, host("c")], { about: { b: { recentFailures: 1 } } });
    const { candidates } = selectDestinationsFrom(hosts, request, options);
    expect(candidates.map((candidate) => candidate.host)).toEqual(["c", "b"]);
    expect(candidates[1]?.weights.at(-1)).toEqual({ weigher: "recent-failures", value: -1, score: 0, multiplier: 8 });
  });

  it("counts claimed memory as used", () => {
    const claim = { migrationUuid: "m", serverUuid: "s", host: "b", memoryKiB: 7 * GiB };
    const selection = selectDestinationsFrom(view([host("b")], { claims: [claim] }), request, options);
    expect(selection.candidates).toEqual([]);
  });

  it("keeps only the host that was asked for", () => {
    const hosts = view([host("b"), host("c")]);
    const selection = selectDestinationsFrom(hosts, { ...request, requestedHost: "c" }, options);
    expect(selection.candidates.map((candidate) => candidate.host)).toEqual(["c"]);
    expect(selection.eliminated).toEqual([]);
    expect(selectDestinationsFrom(hosts, { ...request, requestedHost: "d" }, options)).toEqual({
      candidates: [],
      passed: 0,
      fellOut: 1,
      eliminated: [{ host: "d", by: "requested-host", reason: "no host of that name is known" }],
    });
  });
});

describe("what an operator says of hosts", () => {
  it("a host in maintenance takes no guest, whether it is enabled or not", () => {
    const maintenance = { reason: "new fan", since: now };
    const hosts = view([host("b", { maintenance }), host("c", { maintenance, enabled: false })]);
    expect(rejections(hosts, { everyReason: true })).toEqual([
      ["b", "maintenance", "in maintenance since 2026-01-01T00:00:00.000Z: new fan"],
      ["c", "maintenance", "in maintenance since 2026-01-01T00:00:00.000Z: new fan"],
      ["c", "enabled", "disabled: no reason given"],
    ]);
  });

  it("processors are given away up to the ratio, and never more to one guest than the host has", () => {
    const usage = { b: { memoryKiB: 0, vcpus: 63 } };
    const hosts = view([host("b"), host("c")], { usage });
    expect(rejections(hosts, { vcpus: 2 })).toEqual([
      ["b", "processors", "2 processors wanted, 63 of 64 (4 x 16) are given away"],
    ]);
    expect(rejections(hosts, { vcpus: 5 })).toContainEqual([
      "c",
      "processors",
      "the server has 5 processors, the host 4",
    ]);
  });
});

describe("zones and aggregates", () => {
  const aggregate = (name: string, change: Partial<Aggregate>): Aggregate => ({
    ...{ id: 1, name, availabilityZone: null, metadata: {}, hosts: [], createdAt: now },
    ...change,
  });
  const fast = aggregate("fast", { metadata: { ssd: "true" } });
  const about = {
    b: { aggregates: [aggregate("rack-1", { availabilityZone: "az1" })] },
    c: { aggregates: [aggregate("rack-2", { availabilityZone: "az2" }), fast] },
    e: { aggregates: [fast] },
  };
  const hosts = view([host("b"), host("c"), host("d"), host("e")], { about });

  it("a server that asked for a zone stays in it", () => {
    expect(rejections(hosts, { placement: { ...nowhere, availabilityZone: "az1" } })).toEqual([
      ["c", "availability-zone", "the server asked for the zone az1, the host is in az2 (rack-2, fast)"],
      ["d", "availability-zone", "the server asked for the zone az1, the host is in nova"],
      ["e", "availability-zone", "the server asked for the zone az1, the host is in nova (fast)"],
    ]);
    expect(rejections(hosts, {})).toEqual([]);
  });

  it("what a server asks of aggregates, one of its host's says", () => {
    expect(rejections(hosts, { placement: { ...nowhere, aggregateSpecs: { ssd: "true" } } })).toEqual([
      ["b", "aggregate", "the server asks for ssd=true, which none of the host's 1 says (rack-1)"],
      ["d", "aggregate", "the server asks for ssd=true, the host is in no aggregate"],
    ]);
  });
});

describe("server groups", () => {
  const others = new Map([
    ["b", 2],
    ["c", 1],
  ]);
  const wish = (policy: ServerGroup["policy"], maxServersPerHost = 1): Pick<DestinationRequest, "placement"> => ({
    placement: { ...nowhere, group: { name: "web", policy, maxServersPerHost, membersOn: others } },
  });
  const hosts = view([host("b"), host("c"), host("d", { facts: { ...host("d").facts, memoryKiB: 64 * GiB } })]);
  const ranked = (policy: ServerGroup["policy"]) =>
    selectDestinationsFrom(hosts, { ...request, ...wish(policy) }, options).candidates.map(({ host: at }) => at);

  it("with affinity stay together", () => {
    const reason = "the group web is to be together: it has 2 on b, 1 on c and none here";
    expect(rejections(hosts, wish("affinity"))).toEqual([["d", "affinity", reason]]);
  });

  it("with anti-affinity stay apart, as far as is asked for", () => {
    const reason = (members: number, allowed: number) =>
      `the group web is to be apart: it has ${members} here or on their way, of ${allowed} allowed`;
    expect(rejections(hosts, wish("anti-affinity"))).toEqual([
      ["b", "anti-affinity", reason(2, 1)],
      ["c", "anti-affinity", reason(1, 1)],
    ]);
    expect(rejections(hosts, wish("anti-affinity", 2))).toEqual([["b", "anti-affinity", reason(2, 2)]]);
  });

  it("with a soft policy rank hosts, before their memory, and reject none", () => {
    expect(ranked("soft-affinity")).toEqual(["b", "c", "d"]);
    expect(ranked("soft-anti-affinity")).toEqual(["d", "c", "b"]);
    const { candidates } = selectDestinationsFrom(hosts, { ...request, ...wish("soft-affinity") }, options);
    expect(candidates[1]?.weights).toContainEqual({
      ...{ weigher: "soft-affinity", value: 1, score: 0.5, multiplier: 4 },
    });
  });

  it("count members where they run and where they are on their way to, the server itself aside", () => {
    const seen = (uuid: string, on: string, change: Partial<GuestSighting> = {}): GuestSighting => ({
      ...{ uuid, name: uuid, host: on, seenAt: now, powerState: "running", persistent: true },
      ...{ vcpus: 1, memoryKiB: 1, migrating: false },
      ...change,
    });
    const group: ServerGroup = {
      ...{ uuid: "g", name: "web", policy: "anti-affinity", maxServersPerHost: 1, createdAt: now },
      servers: ["one", "two", "three"],
    };
    const metadata = { tier: "db", "aggregate_instance_extra_specs:ssd": "true" };
    const found = placementWish("one", "a", {
      group,
      sightings: [
        seen("one", "a", { metadata }),
        seen("two", "b", { migrating: true }),
        seen("two", "c", { powerState: "paused", migrating: true }),
        seen("three", "d", { powerState: "shutoff" }),
        seen("other", "b"),
      ],
      claims: [{ migrationUuid: "m", serverUuid: "two", host: "c", memoryKiB: 1 }],
      availabilityZone: "az1",
    });
    expect(found).toMatchObject({ availabilityZone: "az1", aggregateSpecs: { ssd: "true" } });
    expect(found.group?.membersOn).toEqual(
      new Map([
        ["b", 1],
        ["c", 1],
      ]),
    );
  });
});

describe("the migration network", () => {
  const sourceWith = (change: Partial<HostFacts>) => to({ host: "a", inboundAddress: "10.0.0.1", ...change })[0];
  const addresses = ["10.0.0.1", "192.0.2.1"];
  const to = (change: Partial<HostFacts>) => view([host("b", { facts: { ...host("b").facts, ...change } })]);

  it.each<[Partial<HostFacts>, string | undefined]>([
    [{ inboundAddress: "127.0.0.1" }, "it takes memory in at 127.0.0.1, which is another machine to a"],
    [{ inboundAddress: "fd00::2" }, "it takes memory in at fd00::2, and of the 2 addresses of a none is IPv6"],
    [
      { libvirtUri: "qemu+tls://[fd00::2]/system" },
      "it is dialled at fd00::2, and of the 2 addresses of a none is IPv6",
    ],
    [{ libvirtUri: "qemu+tcp://localhost/system" }, "it is dialled at localhost, which is another machine to a"],
    [{ inboundAddress: "10.0.9.2" }, undefined],
    [{ inboundAddress: "by-name" }, undefined],
  ])("of a host with %j", (change, reason) => {
    expect(rejections(to(change), { source: sourceWith({ addresses }) })).toEqual(
      reason === undefined ? [] : [["b", "migration-network", reason]],
    );
  });

  it("is not judged by a source that says nothing of its addresses, and on one machine all of it is loopback", () => {
    expect(rejections(to({ inboundAddress: "fd00::2" }), { source: sourceWith({}) })).toEqual([]);
    const source = sourceWith({ addresses, inboundAddress: "127.0.0.1" });
    expect(rejections(to({ inboundAddress: "127.0.0.1" }), { source })).toEqual([]);
  });
});
