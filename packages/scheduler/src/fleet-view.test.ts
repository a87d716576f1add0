import { silentLogger, systemClock } from "@drover/model";
import { openSqliteStore, type Store } from "@drover/store";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FleetView } from "./fleet-view.ts";

let nowMs: number;
let monotonicMs: number;
let store: Store;
let fleet: FleetView;

const clock = { ...systemClock, now: () => new Date(nowMs), monotonicMs: () => monotonicMs };

beforeEach(async () => {
  nowMs = Date.parse("2026-01-01T00:00:00Z");
  monotonicMs = 0;
  store = await openSqliteStore({ path: ":memory:", clock, logger: silentLogger });
  fleet = new FleetView(store.placement, clock);
  for (const name of ["north", "east", "west"]) await report(name);
});
afterEach(() => store.close());

const report = (host: string, memoryKiB = 1_000) =>
  store.hosts.report(
    {
      ...{ host, hostUuid: host, hypervisorType: "QEMU", hypervisorVersion: 1, libvirtVersion: 1 },
      ...{ cpuArch: "x86_64", cpuModel: "qemu64", cpus: 4, memoryKiB, inboundAddress: host },
      libvirtUri: `qemu+tcp://${host}/system`,
    },
    "0.1.0",
  );
const guest = (memoryKiB: number) => ({
  ...{ uuid: crypto.randomUUID(), name: "vm", powerState: "running" as const, persistent: true, vcpus: 2 },
  ...{ memoryKiB, migrating: false },
});
const names = async () => (await fleet.read()).map(({ name }) => name);

it("after any change is what a scheduler sees that has just begun", async () => {
  const changes: readonly (() => Promise<unknown>)[] = [
    async () => {},
    () => store.hosts.set("east", { enabled: false, disabledReason: "new fan" }),
    () => store.guests.replaceSightings("west", [guest(10), guest(20)]),
    () => report("south"),
    () => report("west", 4_000),
    () => store.aggregates.create({ name: "rack", availabilityZone: "az1", metadata: {}, hosts: ["east", "west"] }),
    () => store.aggregates.update("rack", { metadata: { ssd: "true" }, addHosts: ["north"], removeHosts: ["east"] }),
    async () => {
      nowMs += 61_000;
      await store.hosts.heartbeat(["east", "south"]);
    },
    () => store.hosts.heartbeat(["north"]),
    () => store.hosts.set("south", { forcedDown: true }),
    () => store.guests.replaceSightings("west", []),
    () => store.hosts.remove("south"),
    () => store.aggregates.remove("rack"),
  ];
  for (const change of changes) {
    await change();
    monotonicMs += 2_000;
    const seen = await fleet.read();
    const sinceHeard = ({ lastSeenAt: _, ...rest }: (typeof seen)[number]) => rest;
    const anew = await new FleetView(store.placement, clock).read();
    expect(seen.map(sinceHeard), `${change}`).toEqual(anew.map(sinceHeard));
    expect(await names()).toEqual(anew.map(({ name }) => name));
  }
});

it("counts a host as down that was not heard of for a minute, and as up with its next sign of life", async () => {
  const up = async () => {
    monotonicMs += 2_000;
    return (await fleet.read()).filter((host) => host.up).map(({ name }) => name);
  };
  nowMs += 60_000;
  expect(await up()).toEqual(["east", "north", "west"]);
  nowMs += 1;
  await store.hosts.heartbeat(["north"]);
  expect(await up()).toEqual(["north"]);
  expect(fleet.host("east")?.lastSeenAt).toEqual(new Date("2026-01-01T00:00:00Z"));
  await store.hosts.heartbeat(["east"]);
  expect(await up()).toEqual(["east", "north"]);
});

it("reads no more than what has changed, and everything again after ten minutes", async () => {
  const readings: { readonly whole: boolean; readonly hosts: number; readonly about: boolean }[] = [];
  const counting = new FleetView(
    {
      read: async (question) => {
        const reading = await store.placement.read(question);
        readings.push({ whole: reading.whole, hosts: reading.hosts.length, about: reading.about !== undefined });
        return reading;
      },
    },
    clock,
  );
  await counting.read();
  await report("east");
  await counting.read();
  // Who is silent is read behind this answer, and before the next one.
  monotonicMs += 1_000;
  await counting.read();
  await expect.poll(() => readings.length).toBe(4);
  monotonicMs += 2_000;
  await counting.read();
  monotonicMs += 600_000;
  await counting.read();
  expect(readings).toEqual([
    { whole: true, hosts: 3, about: true },
    { whole: false, hosts: 1, about: false },
    { whole: false, hosts: 0, about: false },
    { whole: false, hosts: 0, about: true },
    { whole: false, hosts: 0, about: true },
    { whole: true, hosts: 3, about: true },
  ]);
});

it("keeps what it knows through a failed reading, and goes on from there", async () => {
  let isAway = false;
  const shaky = new FleetView(
    {
      read: async (question) => {
        if (isAway) throw new Error("the database is away");
        return await store.placement.read(question);
      },
    },
    clock,
  );
  await shaky.read();
  isAway = true;
  await store.hosts.set("east", { enabled: false });
  await expect(shaky.read()).rejects.toThrow("away");
  isAway = false;
  expect((await shaky.read()).map(({ name, enabled }) => [name, enabled])).toEqual([
    ["east", false],
    ["north", true],
    ["west", true],
  ]);
});
