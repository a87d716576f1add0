import { openInProcessBus } from "@drover/bus";
import { type Clock, type HostFacts, silentLogger, systemClock } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, expect, test } from "vitest";
import { recordConductor } from "../recorded-conductor.test.support.ts";
import { HostReporter } from "./host-reporter.ts";

const facts: HostFacts = {
  host: "h1",
  hostUuid: "aaaaaaaa-0000-4000-8000-000000000001",
  hypervisorType: "QEMU",
  hypervisorVersion: 7_002_000,
  libvirtVersion: 9_000_000,
  cpuArch: "x86_64",
  cpuModel: "Skylake",
  cpus: 4,
  memoryKiB: 8_388_608,
  inboundAddress: "h1",
  libvirtUri: "qemu+tcp://h1/system",
};

/** Every wait is a thousandth of what it is asked to be: intervals of seconds become milliseconds. */
const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 1000, signal) };

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function startReporter(isReady: () => boolean) {
  const bus = openInProcessBus();
  const reporter = new HostReporter({
    bus,
    clock: hurried,
    logger: silentLogger,
    host: "h1",
    agentVersion: "1.2.3",
    isReady,
    read: async () => ({ facts, guests: [] }),
    records: { recordsSeenAtMs: 0, noteRecords: async () => {} },
  });
  stops.push(() => bus.close());
  stops.push(() => reporter.stop());
  reporter.start();
  return { bus, reporter };
}

test("one full report, then heartbeats; a conductor that does not know the host gets another", async () => {
  const { bus } = startReporter(() => true);
  const conductor = await recordConductor(bus);
  await waitFor("heartbeats", () => conductor.heartbeats > 2);
  expect(conductor.hosts).toHaveLength(1);
  conductor.known = false;
  await waitFor("another report", () => conductor.hosts.length > 1);
});

test("a conductor that comes later gets the report then", async () => {
  const { bus, reporter } = startReporter(() => true);
  reporter.changed();
  const conductor = await recordConductor(bus);
  await waitFor("the report", () => conductor.hosts.length > 0);
  expect(conductor.hosts[0]).toMatchObject({ facts, agentVersion: "1.2.3" });
});

test("while libvirtd is away nothing is said of the host, so that it counts as down", async () => {
  let ready = false;
  let asked = 0;
  const { bus } = startReporter(() => {
    asked += 1;
    return ready;
  });
  const conductor = await recordConductor(bus);
  await waitFor("some intervals to pass", () => asked > 3);
  expect(conductor.hosts).toEqual([]);
  expect(conductor.heartbeats).toBe(0);
  ready = true;
  await waitFor("the report", () => conductor.hosts.length > 0);
});

test("an agent whose predecessor had counted further counts on from there, and reports again", async () => {
  const { bus, reporter } = startReporter(() => true);
  const conductor = await recordConductor(bus);
  conductor.newestSequence = 41;
  await waitFor("the report to be repeated", () => conductor.hosts.length > 1);
  expect(conductor.hosts.map(({ sequence }) => sequence)).toEqual([1, 1042]);
  reporter.changed();
  await waitFor("the next one", () => conductor.hosts.length > 2);
  expect(conductor.hosts[2]?.sequence).toBe(1043);
});
