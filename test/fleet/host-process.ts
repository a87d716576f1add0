/**
 * Many hosts in one process, each a simulated libvirtd with its guests and an agent of its own: `host-process.ts SPEC`, SPEC being
 * {@link HostProcessSpec} in JSON. The agents are the real ones. They share what a process can: its connections to the
 * broker, {@link HOSTS_PER_CONNECTION} to each, and one to Redis.
 *
 * Writes `{"ready":true}` when every agent runs; it may still be unknown to the conductor. Answers the requests of
 * {@link HostProcessRequest}, and ends with its standard input.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Bus, openAmqpBus } from "@drover/bus";
import { computeConfig, noFiles, noKnock, startComputeAgent } from "@drover/compute-agent";
import { type SimulatedHostHandle, startSimulatedFleet } from "@drover/libvirt-sim";
import { silentLogger, systemClock } from "@drover/model";
import { openRedisProgress } from "@drover/progress";
import { heldIn } from "./held-in.ts";
import {
  GUEST,
  guestNames,
  type HostProcessRequest,
  type HostProcessSpec,
  hostNames,
  nextOf,
} from "./host-process-spec.ts";

/** Each agent serves two topics on a channel each, of which RabbitMQ allows a connection 2,047. */
const HOSTS_PER_CONNECTION = 500;

const spec: HostProcessSpec = JSON.parse(process.argv[2] ?? "{}");
const names = hostNames(spec);
const common = { logger: silentLogger, clock: systemClock };

const directory = await mkdtemp(join(tmpdir(), "drover-hosts-"));
const fleet = await startSimulatedFleet({
  directory,
  hosts: names.map((name) => ({ name, memoryMiB: 65_536 })),
  guests: names.flatMap((host) => guestNames(spec, host).map((name) => ({ name, host, ...GUEST }))),
  defaultLinkMiBps: spec.linkMiBps,
  timings: { prepareMs: 100 },
});
const buses = Array.from({ length: Math.ceil(names.length / HOSTS_PER_CONNECTION) }, (_, index) =>
  openAmqpBus({ ...common, urls: [spec.busUrl], name: `drover-hosts ${spec.name} ${index}` }),
);
const progress = await openRedisProgress({ url: spec.progressUrl, logger: silentLogger });
await Promise.all(fleet.hosts.map((host, index) => startAgent(host, buses[Math.floor(index / HOSTS_PER_CONNECTION)])));

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)));
// The agents write to the last.
await rm(directory, { recursive: true, force: true, maxRetries: 5 });
process.exit();

async function answer(request: HostProcessRequest): Promise<object> {
  if ("linkMiBps" in request) {
    for (const name of names) fleet.faults.setLinkBandwidth(name, nextOf(names, name), request.linkMiBps);
    return {};
  }
  const held = await Promise.all(
    names.map(async (name) => (await heldIn(stateFile(name))).map((what) => `${name}: ${what}`)),
  );
  return {
    guests: fleet.guests().map(({ uuid, name, host, running }) => ({ uuid, name, host, running })),
    held: held.flat(),
  };
}

async function startAgent(host: SimulatedHostHandle, bus: Bus | undefined): Promise<void> {
  if (bus === undefined) throw new RangeError(`no connection for ${host.name}`);
  const config = computeConfig.parse({
    host: host.name,
    libvirt_uri: host.uri,
    libvirt_migration_uri: host.peerUri,
    live_migration_inbound_addr: "127.0.0.1",
  });
  await startComputeAgent({
    ...common,
    bus,
    progress,
    config: { ...config, state_path: stateFile(host.name) },
    hostFiles: noFiles,
    libvirt: { dial: fleet.dial },
    knock: noKnock,
    // Their names mean nothing to this machine: they are taken as they are.
    resolveAddress: async () => [],
  });
}

function stateFile(host: string): string {
  return join(directory, `${host}.json`);
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
