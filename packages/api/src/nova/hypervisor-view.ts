import type { KnownHost } from "@drover/fleet";
import { isActive } from "@drover/model";
import { SINCE } from "./microversion.ts";

export interface HypervisorViewOptions {
  readonly minor: number;
  readonly withServers: boolean;
}

/** Hypervisors and services are numbered until 2.52 and have uuids from 2.53. */
export function hostId(host: KnownHost, minor: number): number | string {
  return minor >= SINCE.computeUuids ? host.uuid : host.id;
}

/** Nova knows no maintenance of its own: to its clients such a host is disabled, whatever `enabled` says. */
export function takesGuests({ enabled, maintenance }: KnownHost): boolean {
  return enabled && maintenance === null;
}

export function hypervisorSummary(host: KnownHost, options: HypervisorViewOptions): object {
  return {
    id: hostId(host, options.minor),
    hypervisor_hostname: host.facts.host,
    state: host.up ? "up" : "down",
    status: takesGuests(host) ? "enabled" : "disabled",
    ...serversOf(host, options),
  };
}

export function hypervisorDetail(host: KnownHost, options: HypervisorViewOptions): object {
  const { minor } = options;
  return {
    ...hypervisorSummary(host, options),
    hypervisor_type: host.facts.hypervisorType,
    hypervisor_version: host.facts.hypervisorVersion,
    host_ip: host.facts.inboundAddress,
    service: { id: hostId(host, minor), host: host.facts.host, disabled_reason: host.disabledReason },
    ...(minor >= SINCE.hypervisorWithoutCapacity ? { uptime: null } : capacity(host, minor)),
  };
}

/** From 2.75 an empty list is shown, before it is left out. */
function serversOf(host: KnownHost, { minor, withServers }: HypervisorViewOptions): object {
  if (!withServers || (host.servers.length === 0 && minor < SINCE.hypervisorServersAlways)) return {};
  return { servers: host.servers.map((server) => ({ name: server.name, uuid: server.uuid })) };
}

/** `/os-hypervisors/statistics`: the sums over the hosts that take guests, as Nova has them. */
export function hypervisorStatistics(hosts: readonly KnownHost[]): object {
  const all = hosts.filter(takesGuests).map(numbersOf);
  const zero: Numbers = numbersOf({ facts: { cpus: 0, memoryKiB: 0 }, servers: [] });
  const sums = Object.keys(zero).map((key) => [key, all.reduce((sum, numbers) => sum + (numbers[key] ?? 0), 0)]);
  return { count: all.length, ...Object.fromEntries(sums), disk_available_least: 0 };
}

function capacity(host: KnownHost, minor: number): object {
  const cpu = { arch: host.facts.cpuArch, model: host.facts.cpuModel };
  return {
    cpu_info: minor >= SINCE.cpuInfoObject ? cpu : JSON.stringify(cpu),
    disk_available_least: null,
    ...numbersOf(host),
  };
}

type Numbers = Readonly<Record<string, number>>;

/** Disks are libvirt's pools, whatever those are: there is no one number for them. */
function numbersOf(host: {
  readonly facts: Pick<KnownHost["facts"], "cpus" | "memoryKiB">;
  readonly servers: KnownHost["servers"];
}): Numbers {
  const running = host.servers.filter((server) => isActive(server.powerState));
  const memoryMiB = Math.round(host.facts.memoryKiB / 1024);
  const usedMiB = Math.round(running.reduce((sum, server) => sum + server.memoryKiB, 0) / 1024);
  return {
    current_workload: host.servers.filter((server) => server.migration !== null).length,
    free_disk_gb: 0,
    free_ram_mb: memoryMiB - usedMiB,
    local_gb: 0,
    local_gb_used: 0,
    memory_mb: memoryMiB,
    memory_mb_used: usedMiB,
    running_vms: running.length,
    vcpus: host.facts.cpus,
    vcpus_used: running.reduce((sum, server) => sum + server.vcpus, 0),
  };
}
