/**
 * Agents of many hosts, as far as reports go: `reporting-agents.ts SPEC`, SPEC being {@link ReportingSpec} in JSON. Each host has
 * the reporter that agents report with, which tells its facts and guests and then beats every 10 s; they share the process's
 * connections. No libvirt is behind them.
 *
 * Writes `{"ready":true}` when the conductor has taken in every host, answers any line with how many it knows, and ends with its
 * standard input.
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { openAmqpBus } from "@drover/bus";
import { HostReporter } from "@drover/compute-agent";
import { type HostFacts, type ObservedGuest, silentLogger, systemClock } from "@drover/model";
import type { ReportingSpec } from "./reporting-spec.ts";

const HOSTS_PER_CONNECTION = 1_000;
/** They do not all come in the same moment. */
const FIRST_REPORTS_AT_ONCE = 64;
const GIB_IN_KIB = 1_048_576;

const spec: ReportingSpec = JSON.parse(process.argv[2] ?? "{}");
const common = { clock: systemClock, logger: silentLogger };
const buses = Array.from({ length: Math.ceil(spec.hosts / HOSTS_PER_CONNECTION) }, (_, index) =>
  openAmqpBus({ ...common, urls: [spec.busUrl], name: `drover-reports ${index}` }),
);
const reporters = Array.from({ length: spec.hosts }, (_, index) => reporterOf(index));
const waiting = reporters.values();
await Promise.all(Array.from({ length: FIRST_REPORTS_AT_ONCE }, startNext));

say({ ready: true });
for await (const _ of createInterface({ input: process.stdin })) {
  say({ known: reporters.filter(({ isKnown }) => isKnown).length });
}
process.exit();

async function startNext(): Promise<void> {
  for (const reporter of waiting) {
    reporter.start();
    await reporter.reported;
  }
}

function reporterOf(index: number): HostReporter {
  const bus = buses[Math.floor(index / HOSTS_PER_CONNECTION)];
  if (bus === undefined) throw new RangeError(`no connection for host ${index}`);
  const host = `host-${String(index).padStart(5, "0")}`;
  const facts = factsOf(host, `10.20.${index >> 8}.${index & 255}`);
  const guests = Array.from({ length: spec.guestsPerHost }, (_, guest) => guestOf(`${host}-guest-${guest}`));
  let recordsSeenAtMs = 0;
  return new HostReporter({
    ...{ ...common, bus, host, agentVersion: "bench", isReady: () => true, read: async () => ({ facts, guests }) },
    records: {
      get recordsSeenAtMs() {
        return recordsSeenAtMs;
      },
      noteRecords: async (recordedAtMs) => {
        recordsSeenAtMs = Math.max(recordsSeenAtMs, recordedAtMs);
      },
    },
  });
}

function factsOf(host: string, address: string): HostFacts {
  return {
    ...{
      host,
      hostUuid: randomUUID(),
      hypervisorType: "QEMU",
      hypervisorVersion: 7_002_000,
      libvirtVersion: 9_000_000,
    },
    ...{ cpuArch: "x86_64", cpuModel: "EPYC-Rome", cpus: 64, memoryKiB: 256 * GIB_IN_KIB },
    ...{ inboundAddress: address, libvirtUri: `qemu+tls://${address}/system` },
  };
}

function guestOf(name: string): ObservedGuest {
  return {
    ...{ uuid: randomUUID(), name, powerState: "running", persistent: true, vcpus: 4, memoryKiB: 8 * GIB_IN_KIB },
    ...{ migrating: false, metadata: { "nova.flavor": "m1.large", "nova.project": "demo" } },
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
