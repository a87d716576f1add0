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

function capacity(host: KnownHost, minor: number): object {
  const running = host.servers.filter((server) => isActive(server.powerState));
  const memoryMiB = Math.round(host.facts.memoryKiB / 1024);
  const usedMiB = Math.round(running.reduce((sum, server) => sum + server.memoryKiB, 0) / 1024);
  const cpu = { arch: host.facts.cpuArch, model: host.facts.cpuModel };
  return {
    cpu_info: minor >= SINCE.cpuInfoObject ? cpu : JSON.stringify(cpu),
    current_workload: host.servers.filter((server) => server.migration !== null).length,
    disk_available_least: null,
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
